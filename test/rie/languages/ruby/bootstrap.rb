# Stands in for Lambda's own Ruby runtime, whose client is no package that Debian has: it calls handler in the file named.
require 'json'
require 'net/http'
load ARGV.fetch(0)

http = Net::HTTP.start(*ENV['AWS_LAMBDA_RUNTIME_API'].split(':'), read_timeout: nil)
base = '/2018-06-01/runtime/invocation/'
loop do
  event = http.get("#{base}next")
  id = event['Lambda-Runtime-Aws-Request-Id']
  begin
    http.post("#{base}#{id}/response", JSON.generate(handler(event: JSON.parse(event.body), context: nil)))
  rescue StandardError => e
    http.post("#{base}#{id}/error", JSON.generate(errorType: e.class.name, errorMessage: e.message))
  end
end
