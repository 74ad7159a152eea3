// Prints what the Java producer makes of configurations: every key of its own with every one of a list of values, and sets of
// keys that have rules over several of them. Run by `cargo xtask golden config` with the newest client library.
//
// Rows, with tabs between their columns:
//   value  <text>                            the list of values, numbered from 0 in this order
//   key    <key> <answer> <answer> …         one key alone, with each value of the list
//   set    <key=value> … <answer>            some keys together; the answer is about the first
// Rules over several keys are partly in the configuration and partly in the producer: of a set, and of a key that has such a rule,
// a producer is really made.
//
// An answer is  -  refused · =  taken as it stands, blanks around it aside · ~  null · :<text>  taken, and this is what it came to.
//
// Backslash, tab, line feed, and everything outside printable ASCII are written \\uXXXX, in UTF-16 as Java counts.
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.types.Password;

public class ConfigAnswers {
    /** Numbers at the ends of their ranges, letters in both cases, blanks of many kinds, lists with holes. */
    private static final List<String> VALUES = List.of(
        "", " ", "true", "TRUE", " true ", "tRuE", "yes", "false", "1", "0", "-0", "-1", "-2", "+5", "5 ", " 5", "5\u00a0",
        "\u30005", "2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "0x10", "010", "1e3", "1.0", "NaN", "Infinity", "inf", "0.5", "0.5f", "0.5d", ".5", "5.", "0.25",
        "1.0000001", "32767", "32768", "all", "ALL", "All", " all", "all ", "none", "NONE", "gzip", "Gzip", " gzip", "zstd",
        "lz4 ", "a,b", "a, b", "a,,b", ",", "a,", ",a", " a , b ", "a,a", "a\t,\tb", "null", "PLAINTEXT", "plaintext",
        " PLAINTEXT", "PLAINTEXT ", "SSL", "ssl", "rebootstrap", "REBOOTSTRAP", "None", "use_all_dns_ips", "default", "INFO",
        "info", "DEBUG", "1_000", "1,000", "\uff11\uff12", "\u0663", "\t7\n", "\u00017", "7\0", "\u00857", "localhost:9092",
        "a:1,b:2", "a:1, b:2", "10L", "5000", "4999", "17", "18", "22", "23", "-131072", "-131073", "RS256", "rs256", "86400",
        "86401", "3600", "3601", "900", "901", "x");

    private static final List<String> ADDRESSES = List.of(
        "localhost:9092", "localhost", "localhost:", ":9092", "localhost:0", "localhost:65535", "localhost:65536",
        "localhost:99999", "localhost:-1", "localhost:+9092", "localhost:09092", "[::1]:9092", "::1:9092", "[::1]",
        "[localhost]:9092", "PLAINTEXT://localhost:9092", "http://localhost:9092", "a b:9092", "localhost:9092,",
        ",localhost:9092", "localhost:9092,,127.0.0.1:9092", "localhost:9092 , 127.0.0.1:9093", "localhost:9092;127.0.0.1:9093",
        "localhost:9092 127.0.0.1:9093", "", " ", "127.0.0.1:9092,127.0.0.1:9092", "127.0.0.1:9092,no.such.host.invalid:9092",
        "loc@lhost:9092", "localhost:9092/", "[::1:9092", "::1]:9092", "[fe80::1%eth0]:9092", "PLAINTEXT://[::1]:9092",
        "://localhost:9092", "a://b://localhost:9092", "-localhost:9092", "127.0.0.1 :9092", "127.0.0.1: 9092",
        "127.0.0.1:9092\t", "local_host:9092", "lo*calhost:9092");

    public static void main(String[] args) {
        StringBuilder out = new StringBuilder();
        for (String value : VALUES) {
            out.append("value\t").append(escaped(value)).append('\n');
        }
        for (String key : new TreeSet<>(ProducerConfig.configNames())) {
            // What only Kafka's own code may set.
            if (key.startsWith("internal.")) {
                continue;
            }
            out.append("key\t").append(key);
            for (String value : VALUES) {
                out.append('\t').append(answer(List.of(key, value), RULED_BY_PRODUCER.contains(key)));
            }
            out.append('\n');
        }
        for (List<String> set : sets()) {
            out.append("set");
            for (int i = 0; i < set.size(); i += 2) {
                out.append('\t').append(set.get(i)).append('=').append(escaped(set.get(i + 1)));
            }
            out.append('\t').append(answer(set, true)).append('\n');
        }
        System.out.print(out);
        System.exit(0);
    }

    /** Keys with a rule that only the producer knows. */
    private static final List<String> RULED_BY_PRODUCER = List.of("bootstrap.servers", "client.id", "delivery.timeout.ms",
        "linger.ms", "partitioner.rack.aware", "request.timeout.ms", "transactional.id");

    /** Keys and values by turns, one list for each configuration. */
    private static List<List<String>> sets() {
        List<List<String>> sets = new ArrayList<>();
        for (String acks : List.of("all", "-1", "0", "1")) {
            for (String idempotence : List.of("", "true", "false")) {
                for (String retries : List.of("", "0", "1", "2147483647")) {
                    for (String inFlight : List.of("", "1", "5", "6")) {
                        sets.add(set("acks", acks, "enable.idempotence", idempotence, "retries", retries,
                            "max.in.flight.requests.per.connection", inFlight));
                    }
                }
            }
        }
        for (String delivery : List.of("0", "1", "29999", "30000", "30004", "30005", "30006", "120000", "2147483647")) {
            for (String linger : List.of("", "0", "5", "2147483647", "9223372036854775807")) {
                for (String request : List.of("", "0", "30000", "2147483647")) {
                    sets.add(set("delivery.timeout.ms", delivery, "linger.ms", linger, "request.timeout.ms", request));
                }
            }
        }
        ADDRESSES.forEach(address -> sets.add(List.of("bootstrap.servers", address)));
        for (String id : List.of("", " ", "x")) {
            sets.add(List.of("transactional.id", id));
            sets.add(List.of("transactional.id", id, "enable.idempotence", "true"));
            sets.add(List.of("transactional.id", id, "enable.idempotence", "false"));
            sets.add(List.of("transactional.id", id, "acks", "1"));
            sets.add(List.of("transactional.id", id, "retries", "0"));
        }
        for (String twoPhase : List.of("true", "false")) {
            sets.add(List.of("transaction.two.phase.commit.enable", twoPhase, "transaction.timeout.ms", "60000"));
        }
        for (List<String> pair : List.of(List.of("50", ""), List.of("50", "10"), List.of("2000", ""), List.of("0", ""),
                List.of("0", "0"))) {
            for (String key : List.of("reconnect.backoff", "retry.backoff", "socket.connection.setup.timeout")) {
                sets.add(set(key + ".ms", pair.get(0), key + ".max.ms", pair.get(1)));
            }
        }
        for (String name : List.of("org.apache.kafka.clients.producer.RoundRobinPartitioner",
                " org.apache.kafka.clients.producer.RoundRobinPartitioner ",
                "org.apache.kafka.clients.producer.internals.DefaultPartitioner",
                "org.apache.kafka.clients.producer.UniformStickyPartitioner", "", "x.Y")) {
            sets.add(List.of("partitioner.class", name));
        }
        for (String codec : List.of("gzip", "snappy", "lz4")) {
            for (String level : List.of("-1", "0", "1", "9", "10", "17")) {
                for (String of : List.of("gzip", "lz4", "zstd")) {
                    sets.add(List.of("compression.type", codec, "compression." + of + ".level", level));
                }
            }
        }
        for (String key : List.of("buffer.memory", "batch.size", "max.request.size", "max.block.ms")) {
            sets.add(List.of(key, "0"));
        }
        for (String id : List.of(" a ", "a\nb", "a\0b", "\u001b[31mred", "\u202eright to left", "\ud83d\ude00")) {
            sets.add(List.of("client.id", id));
        }
        return sets;
    }

    /** The pairs whose value is not empty; the first always. */
    private static List<String> set(String... pairs) {
        List<String> set = new ArrayList<>();
        for (int i = 0; i < pairs.length; i += 2) {
            if (i == 0 || !pairs[i + 1].isEmpty()) {
                set.add(pairs[i]);
                set.add(pairs[i + 1]);
            }
        }
        return set;
    }

    private static String answer(List<String> set, boolean build) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", "localhost:9092");
        properties.put("key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
        properties.put("value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
        for (int i = 0; i < set.size(); i += 2) {
            properties.put(set.get(i), set.get(i + 1));
        }
        try {
            Object value = new ProducerConfig(properties).values().get(set.get(0));
            if (build) {
                try {
                    closeInTheBackground(new KafkaProducer<>(properties));
                } catch (Exception error) {
                    // A name that DNS does not know is no matter of the configuration.
                    if (!rootOf(error).startsWith("No resolvable bootstrap urls")) {
                        throw error;
                    }
                }
            }
            return shown(value, set.get(1));
        } catch (Exception error) {
            return "-";
        }
    }

    /** Some of these producers never end: their thread is busy with a time-out of 0. */
    private static void closeInTheBackground(KafkaProducer<?, ?> producer) {
        Thread closer = new Thread(() -> producer.close(Duration.ZERO));
        closer.setDaemon(true);
        closer.start();
    }

    private static String rootOf(Throwable error) {
        while (error.getCause() != null) {
            error = error.getCause();
        }
        return String.valueOf(error.getMessage());
    }

    private static String shown(Object value, String given) {
        if (value == null) {
            return "~";
        }
        String text;
        if (value instanceof Password password) {
            text = password.value();
        } else if (value instanceof Class<?> type) {
            text = type.getName();
        } else if (value instanceof List<?> list) {
            text = String.join(",", list.stream().map(String::valueOf).toList());
        } else {
            text = value.toString();
        }
        return text.equals(given.trim()) ? "=" : ":" + escaped(text);
    }

    private static String escaped(String text) {
        StringBuilder out = new StringBuilder();
        for (char letter : text.toCharArray()) {
            if (letter >= ' ' && letter <= '~' && letter != '\\') {
                out.append(letter);
            } else {
                out.append(String.format("\\u%04x", (int) letter));
            }
        }
        return out.toString();
    }
}
