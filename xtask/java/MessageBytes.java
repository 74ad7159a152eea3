// Prints what the Java classes write: a body for every API, version, direction and case; the headers around it; the
// table of error codes. Run by `cargo xtask golden messages` with the newest client library, and with the last one
// that has the versions which Kafka 4 removed.
//
// Rows:  <message> <version> <case> <hex>  ·  RequestHeader|ResponseHeader <api> <version> <hex>  ·
//        Error <code> <name> <what Java's exception says>
//
// Cases: default  as the class makes it, but null wherever the version allows null
//        plain    the same, with one element in every array that is not null
//        filled   every field set, two elements in every array, nothing null
//        mixed    null or not, zero to three elements, numbers at their ends, long and empty strings; mixed2 likewise
//        unknown  as filled, and in each struct of a flexible version two tagged fields that no schema has
//
// A value follows from the hash of its path, "ProduceRequest 9 filled/TopicData/0/Name", so that a test that knows the
// rules (in Rust: src/golden_values.rs of kp-protocol) makes the same values without these bytes.
import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.InvalidMetadataException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;

public class MessageBytes {
    private static final String[] APIS = {
        "Produce", "Fetch", "ListOffsets", "Metadata", "OffsetFetch", "FindCoordinator", "SaslHandshake", "ApiVersions",
        "CreateTopics", "DeleteTopics", "InitProducerId", "AddPartitionsToTxn", "AddOffsetsToTxn", "EndTxn",
        "TxnOffsetCommit", "DescribeConfigs", "SaslAuthenticate", "DescribeCluster", "DescribeProducers",
        "DescribeTransactions", "ListTransactions", "GetTelemetrySubscriptions", "PushTelemetry",
    };
    private static final String[] CASES = {"default", "plain", "filled", "mixed", "mixed2", "unknown"};
    private static final HexFormat HEX = HexFormat.of();

    public static void main(String[] args) throws Exception {
        StringBuilder out = new StringBuilder();
        for (String api : APIS) {
            for (String kind : new String[] {"Request", "Response"}) bodies(api + kind, out);
            headers(api, out);
        }
        for (Errors error : Errors.values()) {
            boolean metadata = error.exception() instanceof InvalidMetadataException;
            boolean retriable = error.exception() instanceof RetriableException;
            String says = metadata ? "metadata" : retriable ? "retriable" : "-";
            out.append("Error ").append(error.code()).append(' ').append(error.name()).append(' ').append(says)
               .append('\n');
        }
        System.out.print(out);
    }

    private static void bodies(String name, StringBuilder out) throws Exception {
        Class<?> type = Class.forName("org.apache.kafka.common.message." + name + "Data");
        Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
        for (short version = lowest(type); version <= highest(type); version++) {
            for (String kind : CASES) {
                Message message = (Message) type.getConstructor().newInstance();
                fill(message, schemas[version], kind, name + " " + version + " " + kind);
                out.append(name).append(' ').append(version).append(' ').append(kind).append(' ')
                   .append(written(message, version)).append('\n');
            }
        }
    }

    private static void headers(String api, StringBuilder out) throws Exception {
        Class<?> type = Class.forName("org.apache.kafka.common.message." + api + "RequestData");
        ApiMessageType row = ApiMessageType.fromApiKey(((org.apache.kafka.common.protocol.ApiMessage)
                type.getConstructor().newInstance()).apiKey());
        for (short version = lowest(type); version <= highest(type); version++) {
            RequestHeaderData request = new RequestHeaderData().setRequestApiKey(row.apiKey())
                    .setRequestApiVersion(version).setCorrelationId(0x01020304).setClientId("kp-\u00e9");
            ResponseHeaderData response = new ResponseHeaderData().setCorrelationId(0x01020304);
            out.append("RequestHeader ").append(api).append(' ').append(version).append(' ')
               .append(written(request, row.requestHeaderVersion(version))).append('\n');
            out.append("ResponseHeader ").append(api).append(' ').append(version).append(' ')
               .append(written(response, row.responseHeaderVersion(version))).append('\n');
        }
    }

    private static short lowest(Class<?> type) throws ReflectiveOperationException {
        return type.getField("LOWEST_SUPPORTED_VERSION").getShort(null);
    }

    private static short highest(Class<?> type) throws ReflectiveOperationException {
        return type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null);
    }

    private static String written(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer bytes = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(bytes), cache, version);
        if (bytes.hasRemaining()) throw new IllegalStateException("announced more than it wrote");
        return HEX.formatHex(bytes.array());
    }

    /** Sets every field that the version has. */
    private static void fill(Object target, Schema schema, String kind, String path) throws Exception {
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields) {
                Field fields = TaggedFields.class.getDeclaredField("fields");
                fields.setAccessible(true);
                if (kind.equals("unknown")) {
                    List<RawTaggedField> unknown = ((Message) target).unknownTaggedFields();
                    unknown.add(new RawTaggedField(100, ByteBuffer.allocate(8).putLong(hash(path)).array()));
                    unknown.add(new RawTaggedField(5000, new byte[0]));
                }
                for (Object entry : ((Map<?, ?>) fields.get(bound.def.type)).values()) {
                    var tagged = (org.apache.kafka.common.protocol.types.Field) entry;
                    set(target, tagged.name, tagged.type, kind, path);
                }
            } else {
                set(target, bound.def.name, bound.def.type, kind, path);
            }
        }
    }

    private static void set(Object target, String name, org.apache.kafka.common.protocol.types.Type type, String kind,
            String path) throws Exception {
        for (Field field : target.getClass().getDeclaredFields()) {
            if (!plainName(field.getName()).equals(plainName(name))) continue;
            field.setAccessible(true);
            String inSchema = field.getName().substring(0, 1).toUpperCase(Locale.ROOT) + field.getName().substring(1);
            field.set(target, value(field.get(target), field.getType(), field.getGenericType(), type, kind,
                    path + "/" + inSchema));
            return;
        }
        throw new IllegalStateException(target.getClass() + " has no field " + name);
    }

    private static String plainName(String name) {
        return name.replace("_", "").toLowerCase(Locale.ROOT);
    }

    private static Object value(Object initial, Class<?> javaClass, Type generic,
            org.apache.kafka.common.protocol.types.Type type, String kind, String path) throws Exception {
        long hash = hash(path);
        if (type.isNullable()) {
            boolean isNull = switch (kind) {
                case "filled", "unknown" -> false;
                case "mixed", "mixed2" -> Long.remainderUnsigned(hash >>> 3, 3) == 0;
                default -> true;
            };
            if (isNull) return null;
        }
        if (type.isArray()) return array(javaClass, generic, type, kind, path, hash);
        if (type instanceof Schema) {
            fill(initial, (Schema) type, kind, path);
            return initial;
        }
        return scalar(initial, javaClass, kind, hash);
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static Object array(Class<?> javaClass, Type generic, org.apache.kafka.common.protocol.types.Type type,
            String kind, String path, long hash) throws Exception {
        long length = switch (kind) {
            case "default" -> 0;
            case "plain" -> 1;
            case "filled", "unknown" -> 2;
            default -> Long.remainderUnsigned(hash >>> 5, 4);
        };
        Type elements = generic instanceof ParameterizedType ? generic : javaClass.getGenericSuperclass();
        Class<?> elementClass = (Class<?>) ((ParameterizedType) elements).getActualTypeArguments()[0];
        var elementType = type.arrayElementType().get();
        Collection list = javaClass == List.class
                ? new java.util.ArrayList() : (Collection) javaClass.getConstructor().newInstance();
        for (int i = 0; i < length; i++) {
            Object initial = elementType instanceof Schema ? elementClass.getConstructor().newInstance() : null;
            list.add(value(initial, elementClass, elementClass, elementType, kind, path + "/" + i));
        }
        return list;
    }

    private static Object scalar(Object initial, Class<?> javaClass, String kind, long hash)
            throws ReflectiveOperationException {
        boolean isInitial = kind.equals("default") || kind.equals("plain");
        boolean isMixed = kind.startsWith("mixed");
        if (javaClass == String.class) {
            return isInitial ? (initial == null ? "" : initial) : string(isMixed, hash);
        }
        if (javaClass == byte[].class) return isInitial ? new byte[0] : bytes(isMixed, hash);
        if (javaClass == ByteBuffer.class) return ByteBuffer.wrap(isInitial ? new byte[0] : bytes(isMixed, hash));
        if (javaClass.getSimpleName().endsWith("Records")) {
            // By name: the newest library has the class in another package than 3.9.
            String memoryRecords = javaClass.getPackageName() + ".MemoryRecords";
            return Class.forName(memoryRecords).getMethod("readableRecords", ByteBuffer.class)
                    .invoke(null, ByteBuffer.wrap(isInitial ? new byte[0] : bytes(isMixed, hash)));
        }
        if (javaClass == Uuid.class) {
            return isInitial ? Uuid.ZERO_UUID : new Uuid(hash, hash ^ 0x5555555555555555L);
        }
        if (javaClass == boolean.class || javaClass == Boolean.class) {
            boolean before = initial != null && (Boolean) initial;
            return isInitial ? before : isMixed ? (hash & 1) == 1 : !before;
        }
        if (isInitial && initial != null) return initial;
        long least = javaClass == long.class || javaClass == Long.class ? Long.MIN_VALUE
                : javaClass == int.class || javaClass == Integer.class ? Integer.MIN_VALUE
                : javaClass == short.class || javaClass == Short.class ? Short.MIN_VALUE : Byte.MIN_VALUE;
        long number = isInitial ? 0 : number(isMixed, hash, least);
        if (javaClass == byte.class || javaClass == Byte.class) return (byte) number;
        if (javaClass == short.class || javaClass == Short.class) return (short) number;
        if (javaClass == int.class || javaClass == Integer.class) return (int) number;
        if (javaClass == long.class || javaClass == Long.class) return number;
        throw new IllegalStateException("no rule for " + javaClass);
    }

    private static long number(boolean isMixed, long hash, long least) {
        int choice = isMixed ? (int) Long.remainderUnsigned(hash, 6) : 5;
        return switch (choice) {
            case 0 -> 0;
            case 1 -> -1;
            case 2 -> ~least;
            case 3 -> least;
            default -> hash >> 8;
        };
    }

    /** 0 empty, 1 long, otherwise short. */
    private static long length(boolean isMixed, long hash) {
        return isMixed ? Long.remainderUnsigned(hash >>> 7, 4) : 2;
    }

    private static String string(boolean isMixed, long hash) {
        return switch ((int) length(isMixed, hash)) {
            case 0 -> "";
            case 1 -> "x".repeat(200);
            default -> "\u00e9" + Long.toUnsignedString(hash >>> 40);
        };
    }

    private static byte[] bytes(boolean isMixed, long hash) {
        return switch ((int) length(isMixed, hash)) {
            case 0 -> new byte[0];
            case 1 -> "x".repeat(200).getBytes(StandardCharsets.UTF_8);
            default -> ByteBuffer.allocate(8).putLong(hash).array();
        };
    }

    /** FNV-1a, 64 bits, then stirred, since its low bits alone choose. */
    private static long hash(String path) {
        long hash = 0xcbf29ce484222325L;
        for (byte b : path.getBytes(StandardCharsets.UTF_8)) hash = (hash ^ (b & 0xff)) * 0x100000001b3L;
        hash = (hash ^ (hash >>> 32)) * 0x9e3779b97f4a7c15L;
        return hash ^ (hash >>> 29);
    }
}
