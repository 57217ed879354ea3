import java.io.ByteArrayInputStream;
import java.io.ObjectInputStream;
import java.lang.reflect.Array;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.wso2.carbon.identity.workflow.mgt.bean.RequestParameter;
import org.wso2.carbon.identity.workflow.mgt.dto.WorkflowRequest;

/**
 * Reads every *.bin of the folders given with the real ObjectInputStream and prints, as JSON, what the
 * server would see: {"folder/name.bin": {...}}. A stream that cannot be read to its last byte is
 * printed as {"error": "..."}.
 */
public class ReadRequests {
    public static void main(String[] folders) throws Exception {
        List<String> members = new ArrayList<>();
        for (String folder : folders) {
            List<Path> files;
            try (Stream<Path> list = Files.list(Path.of(folder))) {
                files = list.filter(path -> path.toString().endsWith(".bin")).sorted().toList();
            }
            for (Path file : files) {
                members.add(text(file.toString()) + ": " + read(Files.readAllBytes(file)));
            }
        }
        System.out.println("{" + String.join(",\n", members) + "}");
    }

    private static String read(byte[] stored) {
        ByteArrayInputStream bytes = new ByteArrayInputStream(stored);
        try (ObjectInputStream stream = new ObjectInputStream(bytes)) {
            WorkflowRequest request = (WorkflowRequest) stream.readObject();
            if (bytes.available() > 0 || stream.read() >= 0) {
                return "{\"error\": \"bytes follow the object\"}";
            }
            return request(request);
        } catch (Exception | StackOverflowError e) {
            return "{\"error\": " + text(e.toString()) + "}";
        }
    }

    private static String request(WorkflowRequest request) {
        List<String> parameters = new ArrayList<>();
        // Which parameters and values are the same object: the graph, not only its texts.
        IdentityHashMap<Object, Integer> seen = new IdentityHashMap<>();
        for (RequestParameter parameter : request.requestParameters) {
            parameters.add("{\"name\": " + json(parameter.name)
                    + ", \"valueType\": " + json(parameter.valueType)
                    + ", \"requiredInWorkflow\": " + parameter.requiredInWorkflow
                    + ", \"valueClass\": "
                    + json(parameter.value == null ? null : className(parameter.value))
                    + ", \"value\": " + json(parameter.value)
                    + ", \"object\": " + number(seen, parameter)
                    + ", \"valueObject\": " + number(seen, parameter.value) + "}");
        }
        return "{\"uuid\": " + json(request.uuid) + ", \"eventType\": " + json(request.eventType)
                + ", \"tenantId\": " + request.tenantId
                + ", \"parameters\": [" + String.join(", ", parameters) + "]}";
    }

    private static int number(IdentityHashMap<Object, Integer> seen, Object object) {
        if (object == null) {
            return -1;
        }
        seen.putIfAbsent(object, seen.size());
        return seen.get(object);
    }

    /** The class's name; proxies and lambdas have another one in each run. */
    private static String className(Object value) {
        return value.getClass().isHidden() || Proxy.isProxyClass(value.getClass())
                ? "generated" : value.getClass().getName();
    }

    private static String json(Object value) {
        if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long) {
            return String.valueOf(value);
        }
        if (value instanceof RequestParameter parameter) {
            return "{\"name\": " + json(parameter.name) + ", \"value\": " + json(parameter.value) + "}";
        }
        if (value instanceof Map<?, ?> map) {
            TreeMap<String, String> members = new TreeMap<>();
            map.forEach((key, member) -> members.put(text(String.valueOf(key)), json(member)));
            List<String> list = new ArrayList<>();
            members.forEach((key, member) -> list.add(key + ": " + member));
            return "{" + String.join(", ", list) + "}";
        }
        List<String> elements = new ArrayList<>();
        if (value instanceof Iterable<?> list) {
            list.forEach(element -> elements.add(json(element)));
            return "[" + String.join(", ", elements) + "]";
        }
        if (value.getClass().isArray()) {
            for (int i = 0; i < Array.getLength(value); i++) {
                elements.add(json(Array.get(value, i)));
            }
            return "[" + String.join(", ", elements) + "]";
        }
        return text(value.getClass().isHidden() ? "generated" : value.toString());
    }

    /** A JSON string; a lone surrogate, which JSON readers refuse, is spelled out instead. */
    private static String text(String value) {
        StringBuilder json = new StringBuilder("\"");
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            boolean pair = Character.isHighSurrogate(c)
                    && i + 1 < value.length() && Character.isLowSurrogate(value.charAt(i + 1));
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (pair) {
                json.append(String.format("\\u%04x\\u%04x", (int) c, (int) value.charAt(++i)));
            } else if (Character.isSurrogate(c)) {
                json.append(String.format("<%04x>", (int) c));
            } else if (c < 0x20 || c > 0x7E) {
                json.append(String.format("\\u%04x", (int) c));
            } else {
                json.append(c);
            }
        }
        return json.append('"').toString();
    }
}
