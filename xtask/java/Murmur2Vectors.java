// Prints what the Java client makes of random keys: hash and partition. Run by `cargo xtask golden murmur2`.
import java.util.HexFormat;
import java.util.Random;
import org.apache.kafka.common.utils.Utils;

public class Murmur2Vectors {
    private static final int KEYS = 10_000;
    private static final int LONGEST = 200;

    public static void main(String[] args) {
        Random random = new Random(20_090_901);
        HexFormat hex = HexFormat.of();
        StringBuilder out = new StringBuilder("key_hex,murmur2,partition_of_7,partition_of_1000\n");
        for (int i = 0; i < KEYS; i++) {
            // The first keys are one of each length, so that every tail of the hash is met.
            byte[] key = new byte[i <= LONGEST ? i : random.nextInt(LONGEST + 1)];
            random.nextBytes(key);
            int hash = Utils.murmur2(key);
            int positive = Utils.toPositive(hash);
            out.append(hex.formatHex(key)).append(',').append(hash).append(',')
               .append(positive % 7).append(',').append(positive % 1000).append('\n');
        }
        System.out.print(out);
    }
}
