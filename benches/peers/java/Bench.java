// The Java producer under load: kp-bench's arguments and its line of results.

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Bench {
    static final Set<String> FLAGS = Set.of("idempotence", "no-latency");

    final Map<String, String> args = new HashMap<>();

    Bench(String[] given) {
        for (int at = 0; at < given.length; at++) {
            String name = given[at].substring(2);
            args.put(name, FLAGS.contains(name) ? "true" : given[++at]);
        }
    }

    String text(String name, String otherwise) {
        return args.getOrDefault(name, otherwise);
    }

    long number(String name, long otherwise) {
        return args.containsKey(name) ? Long.parseLong(args.get(name)) : otherwise;
    }

    static byte[][] payloads(int size) {
        long state = 0x9E3779B97F4A7C15L;
        byte[][] values = new byte[1024][];
        for (int number = 0; number < values.length; number++) {
            StringBuilder value = new StringBuilder("{\"id\":" + number + ",\"user\":\"u" + number % 97
                    + "\",\"event\":\"page_view\",\"ref\":\"");
            while (value.length() < size) {
                state ^= state << 13;
                state ^= state >>> 7;
                state ^= state << 17;
                value.append("0123456789abcdef".charAt((int) (state & 15)));
            }
            values[number] = Arrays.copyOf(value.toString().getBytes(StandardCharsets.UTF_8), size);
        }
        return values;
    }

    Properties settings() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", text("bootstrap", "localhost:19092"));
        settings.put("acks", text("acks", "1"));
        settings.put("linger.ms", text("linger", "5"));
        settings.put("batch.size", text("batch", "16384"));
        settings.put("compression.type", text("compression", "none"));
        settings.put("enable.idempotence", text("idempotence", "false"));
        settings.put("buffer.memory", text("buffer", "33554432"));
        settings.put("enable.metrics.push", "false");
        settings.put("max.block.ms", "600000");
        settings.put("delivery.timeout.ms", "600000");
        if (number("txn", 0) > 0) {
            settings.put("transactional.id", "java-" + ProcessHandle.current().pid());
        }
        return settings;
    }

    void run() throws Exception {
        int records = (int) number("records", 1_000_000);
        int topicCount = (int) number("topics", 1);
        int threads = (int) number("threads", 1);
        long rate = number("rate", 0);
        long tick = number("tick", 0) * 1000;
        long keys = number("keys", 0);
        boolean measure = !args.containsKey("no-latency");
        byte[][] values = payloads((int) number("size", 100));
        String[] topics = new String[topicCount];
        for (int number = 0; number < topicCount; number++) {
            topics[number] = topicCount > 1 ? text("topic", "bench") + "-" + number : text("topic", "bench");
        }
        var producer = new KafkaProducer<>(settings(), new ByteArraySerializer(), new ByteArraySerializer());
        if (number("txn", 0) > 0) {
            inTransactions(producer, topics[0], values, records);
            return;
        }
        for (String topic : topics) {
            producer.partitionsFor(topic); // the topics are known before the clock starts
        }
        AtomicLong ok = new AtomicLong();
        AtomicLong failed = new AtomicLong();
        AtomicInteger measured = new AtomicInteger();
        int[] latencies = new int[measure ? records : 1];
        long start = System.nanoTime();
        Thread[] senders = new Thread[threads];
        for (int thread = 0; thread < threads; thread++) {
            int first = thread;
            senders[thread] = new Thread(() -> {
                for (int number = first; number < records; number += threads) {
                    if (rate > 0) {
                        long due = (long) ((double) number / rate * 1e9);
                        if (tick > 0) {
                            due = (due / tick + 1) * tick;
                        }
                        long ahead = due - (System.nanoTime() - start);
                        if (ahead > 200_000) {
                            java.util.concurrent.locks.LockSupport.parkNanos(ahead);
                        }
                    }
                    byte[] key = keys == 0 ? null : ByteBuffer.allocate(8)
                            .putLong(Long.remainderUnsigned(number * 0x9E3779B97F4A7C15L, keys)).array();
                    long at = measure ? System.nanoTime() : 0;
                    var record = new ProducerRecord<>(topics[number % topicCount], key, values[number & 1023]);
                    producer.send(record, (metadata, error) -> {
                        (error == null ? ok : failed).incrementAndGet();
                        if (measure) {
                            latencies[measured.getAndIncrement()] = (int) ((System.nanoTime() - at) / 1000);
                        }
                    });
                }
            });
            senders[thread].start();
        }
        for (Thread sender : senders) {
            sender.join();
        }
        producer.flush();
        double seconds = (System.nanoTime() - start) / 1e9;
        producer.close();
        report(records, seconds, ok.get(), failed.get(), 0, latencies);
    }

    /** As its documentation shows it: a callback for each record, and what failed is told by commitTransaction. */
    void inTransactions(KafkaProducer<byte[], byte[]> producer, String topic, byte[][] values, int records) throws Exception {
        int txn = (int) number("txn", 0);
        AtomicLong ok = new AtomicLong();
        AtomicLong failed = new AtomicLong();
        int[] latencies = new int[(records + txn - 1) / txn];
        producer.initTransactions();
        one(producer, topic, values, 0, 1, new AtomicLong(), failed); // the topic is known before the clock starts
        long start = System.nanoTime();
        int commits = 0;
        for (int sent = 0; sent < records; sent += txn) {
            latencies[commits++] = one(producer, topic, values, sent, Math.min(txn, records - sent), ok, failed);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        producer.close();
        report(records, seconds, ok.get(), failed.get(), commits, latencies);
    }

    /** One transaction; answers the microseconds that its commit took. */
    static int one(KafkaProducer<byte[], byte[]> producer, String topic, byte[][] values, int first, int count,
            AtomicLong ok, AtomicLong failed) {
        producer.beginTransaction();
        for (int number = first; number < first + count; number++) {
            producer.send(new ProducerRecord<>(topic, values[number & 1023]),
                    (metadata, error) -> (error == null ? ok : failed).incrementAndGet());
        }
        long at = System.nanoTime();
        producer.commitTransaction();
        return (int) ((System.nanoTime() - at) / 1000);
    }

    void report(int records, double seconds, long ok, long failed, int commits, int[] latencies) throws Exception {
        String stat = Files.readString(Path.of("/proc/self/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        double user = Long.parseLong(fields[11]) / 100.0;
        double system = Long.parseLong(fields[12]) / 100.0;
        long peak = Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmHWM"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", ""))).findFirst().orElse(0) / 1024;
        Arrays.sort(latencies);
        int last = latencies.length - 1;
        System.out.printf(Locale.ROOT, "{\"peer\":\"java\",\"records\":%d,\"size\":%d,\"acks\":\"%s\",\"compression\":\"%s\","
                + "\"idempotence\":%s,\"ok\":%d,\"failed\":%d,\"secs\":%.3f,\"rec_per_s\":%.0f,\"mb_per_s\":%.1f,"
                + "\"cpu_us_per_rec\":%.3f,\"cpu_user\":%.2f,\"cpu_sys\":%.2f,\"rss_mb\":%d,\"commits\":%d,"
                + "\"commits_per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f}%n",
                records, number("size", 100), text("acks", "1"), text("compression", "none"),
                text("idempotence", "false"), ok, failed, seconds, ok / seconds,
                ok * number("size", 100) / seconds / 1e6, (user + system) * 1e6 / Math.max(ok, 1), user, system, peak,
                commits, commits / seconds, latencies[last / 2] / 1000.0, latencies[(int) (last * .99)] / 1000.0, latencies[(int) (last * .999)] / 1000.0,
                latencies[last] / 1000.0);
    }

    public static void main(String[] given) throws Exception {
        new Bench(given).run();
    }
}
