import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Map;
import java.util.stream.Stream;

/** A function that reads the current value where it uses it. Its variable GREETING has the value of the start. */
public class Greeting implements RequestHandler<Map<String, Object>, Map<String, String>> {
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final String PORT = System.getenv().getOrDefault("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "2773");
    private static final String TOKEN = Stream.of("AWS_TOKEN", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
        .map(System::getenv).filter(token -> token != null && !token.isEmpty()).findFirst().orElseThrow(); // the last one is SnapStart's

    @Override
    public Map<String, String> handleRequest(Map<String, Object> event, Context context) {
        var request = HttpRequest.newBuilder(URI.create("http://localhost:" + PORT + "/v1/greetings?key=GREETING"))
            .header("X-Aws-Parameters-Secrets-Token", TOKEN).build();
        try {
            var answer = HTTP.send(request, BodyHandlers.ofString());
            if (answer.statusCode() != 200) {
                throw new IllegalStateException(answer.body()); // says why, and has no value in it
            }
            return Map.of("greeting", answer.body());
        } catch (java.io.IOException | InterruptedException e) {
            throw new IllegalStateException("the secrets extension does not answer", e);
        }
    }
}
