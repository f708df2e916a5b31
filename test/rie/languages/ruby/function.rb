# Says what a function in Ruby has of its secret, at its start and now.
require 'net/http'

IMPORTED = ENV['DB_password']
$calls = 0

def handler(event:, context:)
  $calls += 1
  return event if event.key?('echo')

  url = URI("http://127.0.0.1:#{ENV['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT']}/v1/prod/db?key=password")
  endpoint = Net::HTTP.get(url, 'X-Aws-Parameters-Secrets-Token' => ENV['AWS_SESSION_TOKEN'])
  { imported: IMPORTED, now: ENV['DB_password'], endpoint: endpoint, calls: $calls }
end
