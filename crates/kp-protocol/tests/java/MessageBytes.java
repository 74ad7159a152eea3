// Reads lines "<message> <version> <hex>" and prints them again with the bytes that the Java classes write after
// reading those. Lines of versions that this client library lacks go to standard error; so do all that it cannot read.
//
//   java -cp kafka-clients.jar:slf4j-api.jar MessageBytes.java < golden-messages.txt
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.Readable;

public class MessageBytes {
    public static void main(String[] args) throws Exception {
        HexFormat hex = HexFormat.of();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.startsWith("#")) continue;
            String[] words = line.split(" ", -1);
            short version = Short.parseShort(words[1]);
            try {
                Class<?> type = Class.forName("org.apache.kafka.common.message." + words[0] + "Data");
                if (version < type.getField("LOWEST_SUPPORTED_VERSION").getShort(null)
                        || version > type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null)) {
                    System.err.println(line);
                    continue;
                }
                ByteBuffer read = ByteBuffer.wrap(hex.parseHex(words.length > 2 ? words[2] : ""));
                Message message = (Message) type.getConstructor(Readable.class, short.class)
                        .newInstance(new ByteBufferAccessor(read), version);
                if (read.hasRemaining()) throw new IllegalStateException(read.remaining() + " bytes left over");
                ObjectSerializationCache cache = new ObjectSerializationCache();
                ByteBuffer written = ByteBuffer.allocate(message.size(cache, version));
                message.write(new ByteBufferAccessor(written), cache, version);
                if (written.hasRemaining()) throw new IllegalStateException("announced more than it wrote");
                System.out.println(words[0] + " " + version + " " + hex.formatHex(written.array()));
            } catch (ReflectiveOperationException | RuntimeException error) {
                Throwable cause = error.getCause() == null ? error : error.getCause();
                System.err.println("# " + words[0] + " v" + version + ": " + cause);
                System.err.println(line);
            }
        }
    }
}
