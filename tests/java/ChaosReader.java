import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads a topic from its beginning to its end and writes 20 bytes for each record to standard output: partition (2), whether
 * its content is whole (1), task (1), number (8), offset (8). The judge of what a run of `kp-chaos` left in the logs.
 */
public class ChaosReader {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("isolation.level", "read_committed");
        properties.put("fetch.max.bytes", "16777216");
        properties.put("max.partition.fetch.bytes", "4194304");
        properties.put("max.poll.records", "50000");
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 20));
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.partitionsFor(args[1]).forEach(p -> partitions.add(new TopicPartition(args[1], p.partition())));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> left = new HashMap<>(consumer.endOffsets(partitions));
            left.entrySet().removeIf(entry -> entry.getValue() == 0);
            CRC32 crc = new CRC32();
            while (!left.isEmpty()) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    byte[] value = record.value();
                    ByteBuffer buffer = ByteBuffer.wrap(value);
                    crc.reset();
                    crc.update(value, 4, value.length - 4);
                    boolean isWhole = buffer.getInt() == (int) crc.getValue();
                    out.writeShort(record.partition());
                    out.writeByte(isWhole ? 1 : 0);
                    out.writeByte(buffer.get());
                    out.writeLong(buffer.getLong());
                    out.writeLong(record.offset());
                }
                left.entrySet().removeIf(entry -> consumer.position(entry.getKey()) >= entry.getValue());
            }
        }
        out.flush();
    }
}
