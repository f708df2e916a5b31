"""Prints as a JSON object what systemd reads from an EnvironmentFile=.

A unit needs a running manager, which a container has not. So this calls the
function that the manager calls for EnvironmentFile=, in the library that the
manager has it from. What it returns goes through a check of the manager, which
drops what is no valid assignment; that check is called here, too.
"""

import ctypes
import json
import sys

library, path = sys.argv[1:]
systemd = ctypes.CDLL(library)
strings = ctypes.POINTER(ctypes.c_char_p)()
status = systemd.load_env_file(None, path.encode(), ctypes.byref(strings))
if status < 0:
    sys.exit(f"load_env_file: error {-status}")
variables, i = {}, 0
while strings and strings[i] is not None:
    if systemd.env_assignment_is_valid(strings[i]):
        name, _, value = strings[i].decode().partition("=")
        variables[name] = value
    i += 1
json.dump(variables, sys.stdout)
