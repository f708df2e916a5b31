import os
import re
import subprocess
import sys

from harness import TOKEN, Case, put


class Example(Case):
    folder = os.environ['EXAMPLES']

    def test_as_its_readme_runs_it(self):
        with open(os.path.join(self.folder, 'README.md'), encoding='utf-8') as file:
            commands = re.findall(r"python3 -c '(.+)'", file.read())
        self.assertEqual(len(commands), 2)
        put('prod/db', {'user': 'app', 'password': 'x'})
        self.agent()
        agent = {name: os.environ[name] for name in ('AWS_TOKEN', 'PARAMETERS_SECRETS_EXTENSION_HTTP_PORT')}
        for command, env in zip(commands, (agent, {'SECRETS_FAKE': '{"user":"app","password":"x"}'})):
            path = os.pathsep.join((os.environ['PYTHONPATH'], self.folder))
            ran = subprocess.run([sys.executable, '-c', command], env={**env, 'PYTHONPATH': path, 'PYTHONDONTWRITEBYTECODE': '1'}, capture_output=True, text=True)
            self.assertEqual((ran.stdout, ran.stderr), ("{'order': 7, 'paid by': 'app'}\n", ''))

    def test_without_anything(self):
        env = {'PYTHONPATH': os.pathsep.join((os.environ['PYTHONPATH'], self.folder)), 'AWS_TOKEN': TOKEN, 'PYTHONDONTWRITEBYTECODE': '1'}
        env['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT'] = '1'
        ran = subprocess.run([sys.executable, '-c', 'import app'], env=env, capture_output=True, text=True)
        self.assertIn('start aws-secretsmanager', ran.stderr)
