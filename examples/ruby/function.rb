# A function that reads the current value where it uses it. Its variable GREETING has the value of the start.
require 'net/http'

PORT = ENV.fetch('PARAMETERS_SECRETS_EXTENSION_HTTP_PORT', '2773')
TOKEN = ENV['AWS_TOKEN'] || ENV['AWS_SESSION_TOKEN']

def handler(event:, context:)
  url = URI("http://localhost:#{PORT}/v1/greetings?key=GREETING")
  answer = Net::HTTP.get_response(url, 'X-Aws-Parameters-Secrets-Token' => TOKEN)
  raise answer.body unless answer.is_a?(Net::HTTPOK) # says why, and has no value in it
  { greeting: answer.body }
end
