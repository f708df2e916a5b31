import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Map;

/** Says what a function in Java has of its secret, when its class is loaded and now. */
public class Handler implements RequestHandler<Map<String, Object>, Map<String, Object>> {
    private static final String IMPORTED = System.getenv("DB_password");
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static int calls;

    @Override
    public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
        calls++;
        if (event.containsKey("echo")) {
            return event;
        }
        var port = System.getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT");
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/v1/prod/db?key=password"))
            .header("X-Aws-Parameters-Secrets-Token", System.getenv("AWS_SESSION_TOKEN")).build();
        try {
            var endpoint = HTTP.send(request, BodyHandlers.ofString()).body();
            return Map.of("imported", IMPORTED, "now", System.getenv("DB_password"), "endpoint", endpoint, "calls", calls);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
