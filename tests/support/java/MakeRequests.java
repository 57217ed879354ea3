import java.io.ByteArrayOutputStream;
import java.io.Externalizable;
import java.io.IOException;
import java.io.ObjectInput;
import java.io.ObjectInputStream;
import java.io.ObjectOutput;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamConstants;
import java.io.ObjectStreamField;
import java.io.Serializable;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZonedDateTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.EnumMap;
import java.util.GregorianCalendar;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;
import java.util.TreeMap;
import java.util.UUID;
import java.util.Vector;
import java.util.concurrent.ConcurrentHashMap;
import org.wso2.carbon.identity.workflow.mgt.bean.RequestParameter;
import org.wso2.carbon.identity.workflow.mgt.dto.WorkflowRequest;

/**
 * Writes requests with all that Java serialization has to offer into the folder given, one per file.
 * Each holds at least one Credential with a string, unless its name says "none". Those whose name begins with
 * "refused" cannot be walked without their classes, or hold a credential that is no string.
 */
public class MakeRequests {
    private static Path folder;

    public static void main(String[] args) throws Exception {
        folder = Path.of(args[0]);
        String credential = "b2xkIGNyZWRlbnRpYWw=";

        write("write_object", parameter("Tree", new Handwritten(3)), parameter("Credential", credential),
                parameter("Again", new Handwritten(1)));
        write("put_fields", parameter("Fields", new PutFields()), parameter("Credential", credential));
        write("enums", parameter("Colour", Colour.RED), parameter("Same", Colour.RED),
                parameter("Body", Colour.BLUE), parameter("Map", new EnumMap<>(Map.of(Colour.BLUE, 1))),
                parameter("Credential", credential), parameter("Class", Colour.class));
        write("proxy", parameter("Proxy", proxy()), parameter("Credential", credential),
                parameter("Second", proxy()));
        write("externalizable", parameter("Custom", new External("text", 70_000)),
                parameter("Credential", credential), parameter("Another", new External("", 3)));
        write("arrays", parameter("Primitives", new Object[] {new boolean[] {true}, new byte[] {1, 2},
                new char[] {'c', '\ud83d'}, new short[] {-1}, new int[0], new int[] {1, 2, 3}, new long[] {1L << 40},
                new float[] {1.5f}, new double[] {2.5, 3.5}}),
                parameter("Deep", new int[][][] {{{1}, {2, 3}}, {}, {null}}),
                parameter("Strings", new String[] {"a", null, credential, "a"}),
                parameter("Credential", credential));
        write("inheritance", parameter("Child", new Child()), parameter("Credential", credential),
                parameter("Second", new Child()));
        write("subclass_of_parameter", new Extended("Credential", credential), parameter("Other", "x"));
        write("collections", parameter("All", collections()), parameter("Credential", credential));
        write("lambda", parameter("Supplier", (Runnable & Serializable) () -> { }),
                parameter("Credential", credential));
        write("surrogates", parameter("Lone", "\ud83d alone \udd11"), parameter("Nul", "\0\u007f\u0080\u07ff\u0800\uffff"),
                parameter("Credential", "g\u00e4nse\ud83d\udd11\0"));
        write("long_lengths", parameter("Just", "x".repeat(65_535)), parameter("Over", "\u00e9".repeat(32_768)),
                parameter("Credential", "y".repeat(65_536)), parameter("Credential", "z".repeat(65_535)));
        write("nested_lists", parameter("Nested", nested(25)), parameter("Credential", credential));
        write("none_null", parameter("Credential", null), parameter(null, credential));
        write("refused_char_array", parameter("Credential", credential.toCharArray()));

        String shared = new String("c2hhcmVk");
        RequestParameter same = parameter("Credential", shared);
        RequestParameter next = parameter("Credential", shared);
        write("shared_every_way", parameter("Before", shared), same, same, next, next,
                parameter("List", List.of(shared, "after")), parameter("Map", new TreeMap<>(Map.of(shared, same))),
                parameter("Credential", credential), parameter("Copy", credential), parameter("Copy", credential),
                parameter("Last", new Object[] {shared, credential, new String("end")}));
        RequestParameter own = parameter("Credential", null);
        own.value = own.name;
        write("credential_is_its_own_name", own, parameter("x", own));
        RequestParameter outer = parameter("Outer", new ArrayList<>(List.of(parameter("Credential", "inner"))));
        write("parameter_inside_a_value", outer, parameter("Credential", "outer"));

        version1();
    }

    private static RequestParameter parameter(String name, Object value) {
        return new RequestParameter(name, value);
    }

    private static WorkflowRequest request(RequestParameter... parameters) {
        WorkflowRequest request = new WorkflowRequest();
        request.uuid = "00000000-0000-4000-8000-000000000000";
        request.eventType = "ADD_USER";
        request.tenantId = -1234;
        request.requestParameters = new ArrayList<>(Arrays.asList(parameters));
        return request;
    }

    private static void write(String name, RequestParameter... parameters) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream stream = new ObjectOutputStream(bytes)) {
            stream.writeObject(request(parameters));
        }
        Files.write(folder.resolve(name + ".bin"), bytes.toByteArray());
    }

    /** Protocol version 1 does not mark where an Externalizable ends. */
    private static void version1() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream stream = new ObjectOutputStream(bytes)) {
            stream.useProtocolVersion(ObjectStreamConstants.PROTOCOL_VERSION_1);
            stream.writeObject(request(parameter("Custom", new External("x", 3)), parameter("Credential", "y")));
        }
        Files.write(folder.resolve("refused_protocol_version_1.bin"), bytes.toByteArray());
    }

    private static Object proxy() {
        return Proxy.newProxyInstance(MakeRequests.class.getClassLoader(),
                new Class<?>[] {Comparable.class, Runnable.class}, new Handler());
    }

    private static List<Object> nested(int depth) {
        List<Object> list = new LinkedList<>();
        return depth == 0 ? list : new ArrayList<>(List.of("level", nested(depth - 1)));
    }

    private static List<Object> collections() {
        Map<String, Object> ordered = new LinkedHashMap<>();
        ordered.put("decimal", new BigDecimal("1.50"));
        ordered.put("integer", BigInteger.TEN.pow(40));
        ordered.put("date", new Date(0));
        ordered.put("calendar", new GregorianCalendar(TimeZone.getTimeZone("UTC"), Locale.ROOT).getClass());
        ordered.put("local", LocalDate.of(2020, 2, 29));
        ordered.put("zoned", ZonedDateTime.parse("2020-02-29T12:00:00Z"));
        ordered.put("uuid", new UUID(1, 2));
        ordered.put("exception", new IllegalStateException("kept", new IOException("cause")).getMessage());
        return new ArrayList<>(List.of(ordered, new HashSet<>(List.of(7)), new ArrayDeque<>(List.of("q")),
                new Vector<>(List.of("v")), new ConcurrentHashMap<>(Map.of("k", "v")), List.of(1, 2, 3),
                Map.of("immutable", true), Collections.unmodifiableList(new ArrayList<>(List.of("u"))),
                Arrays.asList("x", "y"), Collections.emptyMap(), Collections.singleton("one"),
                new TreeMap<>(Collections.reverseOrder())));
    }

    enum Colour {
        RED,
        BLUE {
            @Override
            public String toString() {
                return "blue with a body";
            }
        }
    }

    static class Handler implements InvocationHandler, Serializable {
        private final String answer = "answer";

        @Override
        public Object invoke(Object proxy, Method method, Object[] args) {
            return switch (method.getName()) {
                case "toString" -> answer;
                case "hashCode" -> 1;
                case "equals" -> proxy == args[0];
                default -> null;
            };
        }
    }

    static class Handwritten implements Serializable {
        private static final long serialVersionUID = 1L;
        private final int depth;
        private transient Handwritten left;
        private transient String note;

        Handwritten(int depth) {
            this.depth = depth;
            left = depth > 0 ? new Handwritten(depth - 1) : null;
            note = "note " + depth;
        }

        private void writeObject(ObjectOutputStream stream) throws IOException {
            stream.defaultWriteObject();
            stream.writeInt(depth);
            stream.writeObject(left);
            stream.writeUTF(note);
            stream.write(new byte[depth * 600]);
            stream.writeObject("Credential");
            stream.writeUnshared("text of its own");
        }

        private void readObject(ObjectInputStream stream) throws IOException, ClassNotFoundException {
            stream.defaultReadObject();
            stream.readInt();
            left = (Handwritten) stream.readObject();
            note = stream.readUTF();
            stream.readFully(new byte[depth * 600]);
            note += stream.readObject();
            note += stream.readUnshared();
        }

        @Override
        public String toString() {
            return depth + note + left;
        }
    }

    static class PutFields implements Serializable {
        private static final long serialVersionUID = 1L;
        private static final ObjectStreamField[] serialPersistentFields = {
            new ObjectStreamField("number", long.class), new ObjectStreamField("words", String[].class),
        };
        private String[] words = {"a", "b"};

        private void writeObject(ObjectOutputStream stream) throws IOException {
            ObjectOutputStream.PutField fields = stream.putFields();
            fields.put("number", 5L);
            fields.put("words", words);
            stream.writeFields();
        }

        private void readObject(ObjectInputStream stream) throws IOException, ClassNotFoundException {
            words = (String[]) stream.readFields().get("words", null);
        }

        @Override
        public String toString() {
            return String.join("+", words);
        }
    }

    public static class External implements Externalizable {
        private String text;
        private int size;

        public External() { }

        External(String text, int size) {
            this.text = text;
            this.size = size;
        }

        @Override
        public void writeExternal(ObjectOutput out) throws IOException {
            out.writeInt(size);
            out.writeObject(text);
            out.write(new byte[size]);
        }

        @Override
        public void readExternal(ObjectInput in) throws IOException, ClassNotFoundException {
            size = in.readInt();
            text = (String) in.readObject();
            in.readFully(new byte[size]);
        }

        @Override
        public String toString() {
            return text + size;
        }
    }

    static class Parent implements Serializable {
        private static final long serialVersionUID = 1L;
        protected final String name = "parent";
        protected final double ratio = 0.5;

        private void writeObject(ObjectOutputStream stream) throws IOException {
            stream.defaultWriteObject();
            stream.writeObject(Locale.GERMANY);
        }

        private void readObject(ObjectInputStream stream) throws IOException, ClassNotFoundException {
            stream.defaultReadObject();
            stream.readObject();
        }
    }

    static class Between extends Parent {
        private static final long serialVersionUID = 1L;
    }

    static class Child extends Between {
        private static final long serialVersionUID = 1L;
        private final char letter = 'c';
        private final Object self = this;
        private final short[] shorts = {1, 2};

        @Override
        public String toString() {
            return name + ratio + letter + (self == this) + shorts.length;
        }
    }

    static class Extended extends RequestParameter {
        private static final long serialVersionUID = 1L;
        private final String comment = "more";
        private final long aliasOfValue = 7;

        Extended(String name, Object value) {
            super(name, value);
        }
    }
}
