import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;

/**
 * Reads a case a line, {"pattern": text, "event": text}, and answers each with a line: true or false, or "rejected" and
 * why the pattern is none.
 */
public class Verdicts {
  public static void main(String[] args) throws Exception {
    ObjectMapper json = new ObjectMapper();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      JsonNode c = json.readTree(line);
      out.println(verdict(c.get("pattern").asText(), c.get("event").asText()));
    }
    out.flush();
  }

  static String verdict(String pattern, String event) throws Exception {
    // Without overrides, a path that comes twice makes a pattern invalid, as it does for EventBridge. Structured
    // matching is a faster way to the same verdicts, except where one path is both in an array and outside of it.
    Machine machine = Machine.builder().withOverridesForDuplicateRules(false).withStructuredMatching(false).build();
    try {
      machine.addRule("rule", pattern);
    } catch (Exception e) {
      return "rejected: " + String.valueOf(e.getMessage()).replaceAll("\\s+", " ");
    }
    return String.valueOf(!machine.rulesForJSONEvent(event).isEmpty());
  }
}
