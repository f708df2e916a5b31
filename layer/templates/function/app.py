"""Uses a secret, and hands rotation events to the extension, which then has the new value."""

import http.client
import json
import os
import urllib.parse

PORT = int(os.environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") or 2773)


def extension(method, path, body=None):
    # With SnapStart there is the second one instead.
    token = os.environ.get("AWS_SESSION_TOKEN") or os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    connection = http.client.HTTPConnection("localhost", PORT)
    try:
        connection.request(method, path, body, {"X-Aws-Parameters-Secrets-Token": token})
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    if answer.status != 200:  # the body says why; after a failed rotation Lambda sends the event again
        raise RuntimeError(f"{answer.status} {data.decode()}")
    return json.loads(data)


def handler(event, context):
    if event.get("source") == "aws.secretsmanager":
        return extension("POST", "/rotation", json.dumps(event))
    # From the extension's memory, so it is read where it is used and never kept.
    secret = extension("GET", "/secretsmanager/get?secretId=" + urllib.parse.quote(os.environ["SECRET"], safe=""))
    login = json.loads(secret["SecretString"])
    return {"secret": secret["Name"], "version": secret["VersionId"], "keys": sorted(login)}
