import json
import os

from harness import Case, client, put


class Names(Case):
    def test_reserved_are_those_of_the_extension(self):
        """The list comes from the extension's sources; no name of it is set, and every other is."""
        names = json.loads(os.environ['RESERVED'])
        self.assertGreater(len(names), 80)
        near = {name: 'x' for name in ('SECRETLY', 'PATHS', 'AWSX', 'PYTHO', 'HTTP_PROXY', 'MY_AWS_', 'LD', 'path', '_', 'TZ', 'LANG')}
        before = {name: os.environ.get(name) for name in names}
        put(self.name, {**{name: 'x' for name in names}, **near})
        self.agent()
        secret = client().SecretsManager(self.name)
        self.assertEqual({name: os.environ.get(name) for name in names}, before)
        self.assertEqual({name: os.environ.get(name) for name in near}, near)
        self.assertEqual(len(secret), len(names) + len(near))
        from aws_secretsmanager import _names

        self.assertEqual(set(names), {*_names.RESERVED, *(family + 'X' for family in _names.FAMILIES)})
