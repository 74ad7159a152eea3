//! Every configuration key, once: [`KEYS`], [`Settings`] and the typed setters all come from the rows below.
//!
//! A row reads: key, `as field: Type` if kp acts on the value, type, default today, what 0.9 had, the
//! values allowed, whether it works, what it does. The facts are those of kafka-clients 4.4.0, read off the
//! running class (`testdata/java-4.4.0.csv`, which a test compares).

use std::time::Duration;

use kp_protocol::{Acks, OldKafka, compression::Compression};

use crate::{
    ConfigError, ProducerConfig, RecordingLevel, SecurityConfig,
    idempotence::Idempotence,
    key::Classic::{Absent, AbsentActing, Same, Was, WasNull},
    key::DefaultValue::{Is, Null, Required},
    key::KeyInfo,
    key::KeyType::{Boolean, Class, Double, Int, List, Long, Password, Short, Text},
    key::State::{FixedAt, Gone, Jvm, NotPlanned, OnlyAt, Sasl, Tls, Works},
    key::Valid::{Any, AtLeast, Between, BetweenOr, Fraction, NonEmpty, NonEmptyList, OneOf, OneOfAnyCase},
    partitioning::PartitionerClass,
};

const TLS: &str = "rustls is what encrypts";
const HANDLER: &str = "with SASL it is refused: ignoring it would be to log in as another";
const BROKER_SIDE: &str = "only brokers use it";
const METRICS: &str = "Java's windowed metrics are not planned";

macro_rules! config {
    ($( $section:literal { $(
        $key:literal $( as $field:ident : $type:ty )?,
        $kind:expr, $default:expr, $classic:expr, $valid:expr, $state:expr, $doc:literal;
    )* } )*) => {
        /// Every key that kp knows, section by section.
        pub const KEYS: &[KeyInfo] = &[ $( $( KeyInfo {
            key: $key, section: $section, kind: $kind, default: $default, classic: $classic,
            valid: $valid, state: $state, doc: $doc,
        }, )* )* ];

        /// The values of a configuration that has been checked, with their types. `None` of a field means off, or left to the system.
        /// Made by [`ProducerConfig::validate`].
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub struct Settings {
            /// `bootstrap.servers`, split into host (an IPv6 address without its brackets) and port. Not empty.
            pub bootstrap_servers: Vec<(String, u16)>,
            /// `client.id`, or the name that was made up in its place.
            pub client_id: String,
            /// `transactional.id`, if records are sent in transactions.
            pub transactional_id: Option<String>,
            /// `security.protocol` and `sasl.*`: whether connections are encrypted, and as whom the client connects.
            pub security: SecurityConfig,
            /// What `enable.idempotence`, `acks`, `retries` and `transactional.id` come to.
            pub idempotence: Idempotence,
            /// `metadata.recovery.strategy`: whether to go back to the bootstrap list.
            pub metadata_rebootstrap: bool,
            /// `partitioner.class`: who chooses partitions.
            pub partitioner: PartitionerClass,
            /// Whether batches expire as in 0.9, by `request.timeout.ms` in the queue: the classic profile without a
            /// `delivery.timeout.ms` of its own (AC25).
            pub classic_expiry: bool,
            /// `broker.version.fallback`: what brokers are taken to be without asking them; `None` = ask.
            pub broker_version_fallback: Option<OldKafka>,
            $( $( $(
                #[doc = concat!("`", $key, "`: ", $doc)]
                pub $field: $type,
            )? )* )*
        }

        impl Settings {
            /// Reads the typed keys; what needs a rule over several keys is the caller's.
            pub(crate) fn read(
                config: &ProducerConfig,
                bootstrap_servers: Vec<(String, u16)>,
                client_id: String,
                security: SecurityConfig,
                idempotence: Idempotence,
                metadata_rebootstrap: bool,
                broker_version_fallback: Option<OldKafka>,
            ) -> Result<Self, ConfigError> {
                Ok(Self {
                    bootstrap_servers,
                    client_id,
                    transactional_id: config.text("transactional.id"),
                    security,
                    idempotence,
                    metadata_rebootstrap,
                    partitioner: config.partitioner(),
                    classic_expiry: config.is_classic() && !config.is_set("delivery.timeout.ms"),
                    broker_version_fallback,
                    $( $( $( $field: config.typed::<$type>($key)?, )? )* )*
                })
            }
        }

        /// The typed setters. A value out of range is an error of [`ProducerConfig::validate`].
        impl ProducerConfig {
            $( $( $(
                #[doc = concat!("Sets `", $key, "`: ", $doc)]
                #[must_use]
                pub fn $field(self, value: $type) -> Self {
                    self.with($key, value)
                }
            )? )* )*
        }
    };
}

config! {
    "Bootstrap, identity, delivery" {
        "bootstrap.servers", List, Required, Same, NonEmptyList, Works,
            "Where to ask for the cluster first: `host:port`, comma-separated, IPv6 in brackets. One that answers is enough; metadata names the rest.";
        "bootstrap.resolve.timeout.ms", Long, Is("0"), Absent, AtLeast(0),
            FixedAt("0", "names are resolved when a connection is made, within `max.block.ms`"),
            "Resolve bootstrap names in the background, for at most this long.";
        "client.id", Text, Is(""), Same, Any, Works,
            "The name brokers log and the network thread carries. Unset: `producer-1`, `producer-2`, … in this process, or `producer-<transactional.id>`; set to nothing it stays empty.";
        "client.rack" as client_rack: String, Text, Is(""), Absent, Any, Works,
            "The rack this client is in.";
        "acks" as acks: Acks, Text, Is("all"), Was("1"), OneOf(&["all", "-1", "0", "1"]), Works,
            "Which brokers confirm a record: `all` in-sync replicas (`-1` is the same), the leader (`1`), or none (`0`: no answer, no offset).";
        "retries" as retries: u32, Int, Is("2147483647"), Was("0"), Between(0, 2_147_483_647), Works,
            "How often a batch may be sent again. `delivery.timeout.ms` ends it earlier in practice; 0 turns idempotence off.";
        "delivery.timeout.ms" as delivery_timeout: Duration, Int, Is("120000"), Absent, AtLeast(0), Works,
            "The longest a record may take from the return of `send` to its outcome: lingering, retries and flight together.";
        "linger.ms" as linger: Duration, Long, Is("5"), Was("0"), AtLeast(0), Works,
            "How long an open batch waits for company before it leaves half full.";
        "batch.size" as batch_size: usize, Int, Is("16384"), Same, AtLeast(0), Works,
            "Bytes at which a batch of one partition is full. A larger record travels alone; 0 batches nothing.";
        "buffer.memory" as buffer_memory: usize, Long, Is("33554432"), Same, AtLeast(0), Works,
            "Bytes that all unsettled batches may take together. When they are used up, `send` waits.";
        "buffer.memory.allocation.strategy", Text, Is("full"), Absent, OneOfAnyCase(&["FULL", "INCREMENTAL"]),
            NotPlanned("internal to Java's client; kp's batches grow page by page"),
            "Whether a batch takes all its memory at once or as it grows.";
        "max.block.ms" as max_block: Duration, Long, Is("60000"), Same, AtLeast(0), Works,
            "The longest a call may wait for metadata and memory together.";
        "max.request.size" as max_request_size: usize, Int, Is("1048576"), Same, AtLeast(0), Works,
            "Bytes that one record, or the batches of one request, may have. A record above it is refused.";
        "request.timeout.ms" as request_timeout: Duration, Int, Is("30000"), Same, AtLeast(0), Works,
            "How long to wait for an answer before the connection is given up and its batches are tried again; also what the broker may take to gather `acks`.";
        "retry.backoff.ms" as retry_backoff: Duration, Long, Is("100"), Same, AtLeast(0), Works,
            "The first wait before another attempt. It doubles, give or take a fifth (KIP-580).";
        "retry.backoff.max.ms" as retry_backoff_max: Duration, Long, Is("1000"), Absent, AtLeast(0), Works,
            "Where the doubling of `retry.backoff.ms` ends. The classic profile does not double.";
        "max.in.flight.requests.per.connection" as max_in_flight_requests_per_connection: u32,
            Int, Is("5"), Same, AtLeast(1), Works,
            "Unanswered requests per connection. At most 5 with idempotence; 1 keeps order without it.";
        "enable.idempotence" as enable_idempotence: bool, Boolean, Is("true"), AbsentActing("false"), Any, Works,
            "Numbers batches so that brokers drop what they already have: no duplicates, no reordering (KIP-98).";
    }
    "Serializing, partitioning, intercepting" {
        "key.serializer", Class, Required, Same, Any, Jvm("a `TypedProducer` has a `Serializer` for keys; a plain one takes a key's bytes"),
            "How a key becomes bytes.";
        "value.serializer", Class, Required, Same, Any, Jvm("a `TypedProducer` has a `Serializer` for values; a plain one takes a value's bytes"),
            "How a value becomes bytes.";
        "partitioner.class", Class, Null, Was("DefaultPartitioner"), Any, Works,
            "Who chooses the partition of a record that names none: `DefaultPartitioner` (what is built in), `RoundRobinPartitioner`, `UniformStickyPartitioner`; any other is handed to the builder.";
        "partitioner.ignore.keys" as partitioner_ignore_keys: bool, Boolean, Is("false"), Absent, Any, Works,
            "Spread records with a key as if they had none.";
        "partitioner.adaptive.partitioning.enable" as partitioner_adaptive: bool, Boolean, Is("true"), Absent, Any, Works,
            "Give partitions of slow brokers fewer keyless records (KIP-794).";
        "partitioner.availability.timeout.ms" as partitioner_availability_timeout: Duration, Long, Is("0"), Absent, AtLeast(0), Works,
            "Leave out partitions whose broker has taken nothing for this long; 0 leaves none out.";
        "partitioner.rack.aware" as partitioner_rack_aware: bool, Boolean, Is("false"), Absent, Any, Works,
            "Prefer partitions led from `client.rack`.";
        "interceptor.classes", List, Is(""), Absent, Any, Jvm("hand interceptors to `ProducerBuilder::interceptor`"),
            "Code that sees each record before it is serialized and each outcome.";
    }
    "Compression" {
        "compression.type" as compression: Compression, Text, Is("none"), Same,
            OneOf(&["none", "gzip", "snappy", "lz4", "zstd"]), Works,
            "The codec of each batch. `zstd` needs the Cargo feature `zstd`, and brokers of 2.1 or newer.";
        "compression.gzip.level" as gzip_level: i32, Int, Is("-1"), Absent, BetweenOr(1, 9, -1), Works,
            "How hard gzip tries; -1 is the library's own choice (KIP-390).";
        "compression.lz4.level" as lz4_level: i32, Int, Is("9"), Absent, Between(1, 17),
            FixedAt("9", "pure Rust has the fast compressor only, which is what 9 means in Java; it is used"),
            "How hard lz4 tries.";
        "compression.zstd.level" as zstd_level: i32, Int, Is("3"), Absent, Between(-131_072, 22), Works,
            "How hard zstd tries.";
    }
    "Transactions" {
        "transactional.id", Text, Null, Absent, NonEmpty, Works,
            "The name under which a restarted producer fences its former self; turns transactions on. Such a producer is made by `build_transactional`.";
        "transaction.timeout.ms" as transaction_timeout: Duration, Int, Is("60000"), Absent, Any, Works,
            "After this long the coordinator aborts a transaction left open.";
        "transaction.two.phase.commit.enable", Boolean, Is("false"), Absent, Any,
            OnlyAt("false", "two-phase commit (KIP-939) is not planned"),
            "Let a coordinator outside Kafka decide when a transaction ends.";
    }
    "Metadata" {
        "metadata.max.age.ms" as metadata_max_age: Duration, Long, Is("300000"), Same, AtLeast(0), Works,
            "Metadata older than this is asked for again, even if nothing went wrong.";
        "metadata.max.idle.ms" as metadata_max_idle: Duration, Long, Is("300000"), Absent, AtLeast(5000), Works,
            "A topic without a record for this long is no longer asked about (KIP-526).";
        "metadata.recovery.strategy", Text, Is("rebootstrap"), Absent, OneOfAnyCase(&["REBOOTSTRAP", "NONE"]),
            Works,
            "What to do when no known broker can be used: go back to `bootstrap.servers`, or keep trying (KIP-899).";
        "metadata.recovery.rebootstrap.trigger.ms" as metadata_rebootstrap_trigger: Duration,
            Long, Is("300000"), Absent, AtLeast(0), Works,
            "Go back to `bootstrap.servers` when metadata could not be had for this long (KIP-1102).";
        "metadata.cluster.check.enable", Boolean, Is("true"), Absent, Any,
            NotPlanned("brokers that know KIP-1242 are newer than what kp speaks; nothing is checked"),
            "Let a broker notice that it was reached by mistake.";
        "client.dns.lookup" as client_dns_lookup: String, Text, Is("use_all_dns_ips"), Absent,
            OneOf(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"]),
            Works,
            "`resolve_canonical_bootstrap_servers_only`: each address of `bootstrap.servers` is looked up in reverse, and connected to by that name, as tickets of Kerberos may want it (KIP-235). Every address of a name is tried in turn, either way.";
    }
    "Connections" {
        "connections.max.idle.ms" as connections_max_idle: Option<Duration>, Long, Is("540000"), Same, Any, Works,
            "A connection without traffic for this long is closed; negative: never.";
        "reconnect.backoff.ms" as reconnect_backoff: Duration, Long, Is("50"), Same, AtLeast(0), Works,
            "The first wait before a broker is connected to again.";
        "reconnect.backoff.max.ms" as reconnect_backoff_max: Duration, Long, Is("1000"), Absent, AtLeast(0), Works,
            "Where that wait stops doubling. If only `reconnect.backoff.ms` is set, the wait is constant (KIP-144).";
        "socket.connection.setup.timeout.ms" as connection_setup_timeout: Duration, Long, Is("10000"), Absent, Any, Works,
            "How long the first attempt to connect may take; it doubles with each failure (KIP-601).";
        "socket.connection.setup.timeout.max.ms" as connection_setup_timeout_max: Duration, Long, Is("30000"), Absent, Any, Works,
            "Where that doubling ends.";
        "send.buffer.bytes" as send_buffer: Option<usize>, Int, Is("131072"), Same, AtLeast(-1), Works,
            "The socket's send buffer (SO_SNDBUF); -1 leaves it to the system.";
        "receive.buffer.bytes" as receive_buffer: Option<usize>, Int, Is("32768"), Same, AtLeast(-1), Works,
            "The socket's receive buffer (SO_RCVBUF); -1 leaves it to the system.";
    }
    "Metrics and sources" {
        "metric.reporters", List, Is("JmxReporter"), Was(""), Any, Jvm("install a recorder of the `metrics` crate, or ask `Producer::metrics`; see metrics.md"),
            "Plug-ins that receive every metric.";
        "metrics.num.samples", Int, Is("2"), Same, AtLeast(1), NotPlanned(METRICS), "Windows behind a rate or an average.";
        "metrics.sample.window.ms", Long, Is("30000"), Same, AtLeast(0), NotPlanned(METRICS), "Length of such a window.";
        "metrics.recording.level" as metrics_recording_level: RecordingLevel,
            Text, Is("INFO"), Absent, OneOf(&["INFO", "DEBUG", "TRACE"]), Works,
            "The finest metrics shown: what Java has (`INFO`), or also kp's own workings (`DEBUG`, `TRACE`).";
        "enable.metrics.push", Boolean, Is("true"), Absent, Any,
            FixedAt("false", "metrics are not pushed to brokers (KIP-714) by this version"),
            "Send the client's metrics to brokers that subscribe to them (KIP-714).";
        "config.providers", List, Is(""), Absent, Any, Jvm("`${env:NAME}`, `${file:/path}`, `${file:/path:key}` and `${directory:/path:file}` work in password keys without it; any other is taken as it stands"),
            "Where values come from that are not in the file.";
        "security.providers", Text, Null, Absent, Any, Jvm("there is no such thing outside a JVM"), "Security providers of a JVM.";
    }
    "Security: protocol and TLS" {
        "security.protocol", Text, Is("PLAINTEXT"), Same, OneOfAnyCase(&["SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT"]),
            Works,
            "Whether the client is authenticated (`SASL_…`), and whether connections are encrypted (`SSL`, `SASL_SSL`).";
        "ssl.protocol", Text, Is("TLSv1.3"), Was("TLS"), Any, Tls, "The newest TLS version allowed.";
        "ssl.enabled.protocols", List, Is("TLSv1.2,TLSv1.3"), Was("TLSv1.2,TLSv1.1,TLSv1"), Any, Tls, "The TLS versions offered.";
        "ssl.cipher.suites", List, Is(""), WasNull, Any, Tls, "The cipher suites offered; none named: all that are sound.";
        "ssl.endpoint.identification.algorithm", Text, Is("https"), WasNull, Any, Tls,
            "`https` checks that the certificate is the host's; empty checks nothing.";
        "ssl.provider", Text, Null, Same, Any, Jvm(TLS), "The TLS implementation of a JVM.";
        "ssl.secure.random.implementation", Text, Null, Absent, Any, Jvm("the system's generator is used"), "The random generator of a JVM.";
        "ssl.keymanager.algorithm", Text, Is("SunX509"), Same, Any, Jvm(TLS), "A JVM's key manager.";
        "ssl.trustmanager.algorithm", Text, Is("PKIX"), Same, Any, Jvm(TLS), "A JVM's trust manager.";
        "ssl.engine.factory.class", Class, Null, Absent, Any, Jvm("hand a configuration of rustls to the producer's builder"), "Who makes TLS engines.";
        "ssl.keystore.type", Text, Is("JKS"), Same, Any, Tls, "The format of the key store; PEM and PKCS12 exist outside Java too.";
        "ssl.keystore.location", Text, Null, Same, Any, Tls, "The file with this client's own key and certificates.";
        "ssl.keystore.password", Password, Null, Same, Any, Tls, "Opens the key store.";
        "ssl.key.password", Password, Null, Same, Any, Tls, "Opens the private key.";
        "ssl.keystore.key", Password, Null, Absent, Any, Tls, "The private key itself, as PEM.";
        "ssl.keystore.certificate.chain", Password, Null, Absent, Any, Tls, "The certificates of that key themselves, as PEM.";
        "ssl.truststore.type", Text, Is("JKS"), Same, Any, Tls, "The format of the trust store.";
        "ssl.truststore.location", Text, Null, Same, Any, Tls, "The file with the authorities to trust; unset: the system's.";
        "ssl.truststore.password", Password, Null, Same, Any, Tls, "Opens the trust store.";
        "ssl.truststore.certificates", Password, Null, Absent, Any, Tls, "The authorities themselves, as PEM.";
    }
    "Security: SASL" {
        "sasl.mechanism", Text, Is("GSSAPI"), Absent, Any, Sasl, "How the client proves who it is: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM, GSSAPI (Kerberos).";
        "sasl.jaas.config", Password, Null, Absent, Any, Sasl, "A login line of a JVM, with the credentials: the login modules of PLAIN, SCRAM (`tokenauth=\"true\"` is a delegation token), OAUTHBEARER (`unsecuredLogin…`), Amazon MSK (IAM) and Kerberos (`useKeyTab`, `keyTab`, `principal`, `useTicketCache`, `ticketCache`, `serviceName`).";
        "sasl.client.callback.handler.class", Class, Null, Absent, Any, Jvm(HANDLER), "Code of a JVM that answers the broker's challenges. kp does what AWS's classes for Amazon MSK do, and refuses any other.";
        "sasl.login.callback.handler.class", Class, Null, Absent, Any, Jvm(HANDLER), "Code of a JVM that fetches credentials. kp does what Kafka's own classes and AWS's for Amazon MSK do, and refuses any other.";
        "sasl.login.class", Class, Null, Absent, Any, Jvm(HANDLER), "Code that logs in.";
        "sasl.kerberos.service.name", Text, Null, Same, Any, Sasl, "The name that brokers run under, before the `/` of their principals: mostly `kafka`. GSSAPI needs it.";
        "sasl.kerberos.kinit.cmd", Text, Is("/usr/bin/kinit"), Same, Any, NotPlanned("kp logs in and renews tickets itself, and runs no program"), "The program that renews tickets.";
        "sasl.kerberos.ticket.renew.window.factor", Double, Is("0.8"), Same, Any, Sasl, "The part of a ticket's life after which it is renewed.";
        "sasl.kerberos.ticket.renew.jitter", Double, Is("0.05"), Same, Any, Sasl, "Chance added to that moment.";
        "sasl.kerberos.min.time.before.relogin", Long, Is("60000"), Same, Any, Sasl, "The least time between renewals.";
        "sasl.login.refresh.window.factor", Double, Is("0.8"), Absent, Fraction(0.5, 1.0), Sasl, "The part of a token's life after which a new one is fetched.";
        "sasl.login.refresh.window.jitter", Double, Is("0.05"), Absent, Fraction(0.0, 0.25), Sasl, "Chance added to that moment.";
        "sasl.login.refresh.min.period.seconds", Short, Is("60"), Absent, Between(0, 900), Sasl, "The least time between two fetches.";
        "sasl.login.refresh.buffer.seconds", Short, Is("300"), Absent, Between(0, 3600), Sasl, "How long before its end a token is replaced at the latest.";
        "sasl.login.connect.timeout.ms", Int, Null, Absent, Any, Sasl, "Limit for connecting to the token endpoint.";
        "sasl.login.read.timeout.ms", Int, Null, Absent, Any, Sasl, "Limit for its answer.";
        "sasl.login.retry.backoff.ms", Long, Is("100"), Absent, Any, Sasl, "First wait before the endpoint is asked again.";
        "sasl.login.retry.backoff.max.ms", Long, Is("10000"), Absent, Any, Sasl, "Longest such wait.";
    }
    "Security: OAUTHBEARER" {
        "sasl.oauthbearer.token.endpoint.url", Text, Null, Absent, Any, Sasl, "Who issues tokens: an https address, or a `file:` that holds one.";
        "sasl.oauthbearer.client.credentials.client.id", Text, Null, Absent, Any, Sasl, "The id to ask for a token with.";
        "sasl.oauthbearer.client.credentials.client.secret", Password, Null, Absent, Any, Sasl, "The secret that goes with it.";
        "sasl.oauthbearer.scope", Text, Null, Absent, Any, Sasl, "The scope to ask for.";
        "sasl.oauthbearer.header.urlencode", Boolean, Is("false"), Absent, Any, Sasl, "Percent-encode id and secret in the header.";
        "sasl.oauthbearer.jwt.retriever.class", Class, Is("DefaultJwtRetriever"), Absent, Any, Sasl, "Code that fetches the token.";
        "sasl.oauthbearer.jwt.validator.class", Class, Is("DefaultJwtValidator"), Absent, Any, Sasl, "Code that looks at the token before it is used.";
        "sasl.oauthbearer.assertion.algorithm", Text, Is("RS256"), Absent, OneOfAnyCase(&["ES256", "RS256"]), Sasl, "How an assertion is signed.";
        "sasl.oauthbearer.assertion.private.key.file", Text, Null, Absent, Any, Sasl, "The PEM key that signs it.";
        "sasl.oauthbearer.assertion.private.key.passphrase", Password, Null, Absent, Any, Sasl, "Opens that key.";
        "sasl.oauthbearer.assertion.file", Text, Null, Absent, Any, Sasl, "A finished assertion, in place of all the other `assertion` keys.";
        "sasl.oauthbearer.assertion.template.file", Text, Null, Absent, Any, Sasl, "JSON with further claims.";
        "sasl.oauthbearer.assertion.claim.aud", Text, Null, Absent, Any, Sasl, "Whom the assertion is for.";
        "sasl.oauthbearer.assertion.claim.iss", Text, Null, Absent, Any, Sasl, "Who issues it.";
        "sasl.oauthbearer.assertion.claim.sub", Text, Null, Absent, Any, Sasl, "Whom it is about.";
        "sasl.oauthbearer.assertion.claim.exp.seconds", Int, Is("300"), Absent, Between(0, 86_400), Sasl, "How long it lives.";
        "sasl.oauthbearer.assertion.claim.nbf.seconds", Int, Is("60"), Absent, Between(0, 3600), Sasl, "How far back its life begins.";
        "sasl.oauthbearer.assertion.claim.jti.include", Boolean, Is("false"), Absent, Any, Sasl, "Give each a number of its own.";
        "sasl.oauthbearer.scope.claim.name", Text, Is("scope"), Absent, Any, Sasl, "The claim that holds the scope.";
        "sasl.oauthbearer.sub.claim.name", Text, Is("sub"), Absent, Any, Sasl, "The claim that holds the principal.";
        "sasl.oauthbearer.clock.skew.seconds", Int, Is("30"), Absent, Any, NotPlanned(BROKER_SIDE), "How far clocks may differ.";
        "sasl.oauthbearer.expected.audience", List, Is(""), Absent, Any, NotPlanned(BROKER_SIDE), "The audiences accepted.";
        "sasl.oauthbearer.expected.issuer", Text, Null, Absent, Any, NotPlanned(BROKER_SIDE), "The issuer accepted.";
        "sasl.oauthbearer.allow.unverified.audience", Boolean, Is("false"), Absent, Any, NotPlanned(BROKER_SIDE), "Accept any audience.";
        "sasl.oauthbearer.allow.unverified.issuer", Boolean, Is("false"), Absent, Any, NotPlanned(BROKER_SIDE), "Accept any issuer.";
        "sasl.oauthbearer.jwks.endpoint.url", Text, Null, Absent, Any, NotPlanned(BROKER_SIDE), "Where the issuer's keys are.";
        "sasl.oauthbearer.jwks.endpoint.refresh.ms", Long, Is("3600000"), Absent, Any, NotPlanned(BROKER_SIDE), "How often they are fetched.";
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Long, Is("100"), Absent, Any, NotPlanned(BROKER_SIDE), "First wait after a failed fetch.";
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Long, Is("10000"), Absent, Any, NotPlanned(BROKER_SIDE), "Longest such wait.";
    }
    "Keys that newer Java clients no longer have" {
        "timeout.ms", Int, Null, Was("30000"), Any, Gone("use `request.timeout.ms`"),
            "How long the broker may take to gather `acks`.";
        "metadata.fetch.timeout.ms", Long, Null, Was("60000"), Any, Gone("use `max.block.ms`"),
            "How long the first `send` to a topic may wait for metadata.";
        "block.on.buffer.full", Boolean, Null, Was("false"), Any, Gone("use `max.block.ms`; `true` meant to wait without end"),
            "Wait, rather than fail, when memory is used up.";
        "auto.include.jmx.reporter", Boolean, Null, Absent, Any, Gone("use `metric.reporters`, which only a JVM has"),
            "Report metrics through JMX without being asked to.";
        "internal.auto.downgrade.txn.commit", Boolean, Null, Absent, Any, Gone("nothing has to; versions are negotiated"),
            "Commit offsets in an older form if the broker needs it.";
    }
    "kp's own keys, and those it shares with librdkafka" {
        "sasl.username", Text, Null, Absent, Any, Sasl, "The user of PLAIN and SCRAM, in place of `sasl.jaas.config`.";
        "sasl.password", Password, Null, Absent, Any, Sasl, "The password of PLAIN and SCRAM, in place of `sasl.jaas.config`.";
        "kp.kerberos.keytab", Text, Null, Absent, Any, Sasl, "The keytab with this client's key, in place of `keyTab` in `sasl.jaas.config`.";
        "kp.kerberos.principal", Text, Null, Absent, Any, Sasl, "Whose key of it, in place of `principal`; unset: that of the first.";
        "kp.kerberos.config", Text, Null, Absent, Any, Sasl, "The `krb5.conf` to read; unset: those of `KRB5_CONFIG`, else `/etc/krb5.conf`.";
        "sasl.mechanisms", Text, Null, Absent, Any, Sasl, "librdkafka's name of `sasl.mechanism`.";
        "sasl.oauthbearer.method", Text, Null, Absent, OneOfAnyCase(&["default", "oidc"]), Sasl, "librdkafka's switch: `oidc` asks a token endpoint, as any set `sasl.oauthbearer.token.endpoint.url` does.";
        "sasl.oauthbearer.client.id", Text, Null, Absent, Any, Sasl, "librdkafka's name of `sasl.oauthbearer.client.credentials.client.id`.";
        "sasl.oauthbearer.client.secret", Password, Null, Absent, Any, Sasl, "librdkafka's name of `sasl.oauthbearer.client.credentials.client.secret`.";
        "sasl.oauthbearer.extensions", Text, Null, Absent, Any, Sasl, "Extensions for the broker, `name=value` with commas between; in a login line: `extension_name`.";
        "sasl.oauthbearer.config", Text, Null, Absent, Any, Sasl, "librdkafka's description of an unsecured token: `principal=alice scope=a,b lifeSeconds=600`.";
        "kp.oauth.allow.http", Boolean, Is("false"), Absent, Any, Sasl, "Send secrets to a token endpoint over plain `http`, also to another machine. To this machine it is always allowed.";
        "ssl.ca.location", Text, Null, Absent, Any, Tls, "PEM file with the authorities to trust.";
        "ssl.certificate.location", Text, Null, Absent, Any, Tls, "PEM file with this client's certificates.";
        "ssl.key.location", Text, Null, Absent, Any, Tls, "PEM file with this client's private key.";
        "ssl.ca.pem", Password, Null, Absent, Any, Tls, "The authorities to trust themselves, as PEM.";
        "ssl.certificate.pem", Password, Null, Absent, Any, Tls, "This client's certificates themselves, as PEM.";
        "ssl.key.pem", Password, Null, Absent, Any, Tls, "This client's private key itself, as PEM.";
        "enable.ssl.certificate.verification", Boolean, Is("true"), Absent, Any,
            OnlyAt("true", "no key switches the check of certificates off; `Tls::dangerous` does, in code"),
            "Whether the broker's certificate has to be signed by a trusted authority.";
        "broker.version.fallback", Text, Null, Absent,
            OneOf(&["0.9.0", "0.9.0.0", "0.9.0.1", "0.10.0", "0.10.0.0", "0.10.0.1"]), Works,
            "Take every broker to be of this version and do not ask it what it speaks. Unset: kp asks, and finds out a 0.9 cluster by itself; but the question can cost such brokers requests of other clients.";
        "kp.defaults", Text, Null, Absent, OneOf(&["0.9"]), Works,
            "`0.9`: the defaults of the classic producer for delivery, for every key that is not set.";
        "kp.scram.max.iterations" as scram_max_iterations: u32, Int, Is("1000000"), Absent, AtLeast(4096), Sasl,
            "The most iterations of SCRAM that a broker may ask for; each costs processor time.";
        "kp.ssl.keystore.alias", Text, Null, Absent, NonEmpty, Tls,
            "The entry of a key store with several keys that this client shows.";
        "kp.ssl.directly.trusted", Boolean, Is("true"), Absent, Any, Tls,
            "Take a broker's certificate that stands in the trust store itself, byte for byte, of any authority, as Java does.";
        "kp.ssl.reload.interval.ms" as ssl_reload_interval: Duration, Long, Is("60000"), Absent, AtLeast(0), Tls,
            "How often the files of certificates and keys are looked at; changed ones are used by new connections. 0: never.";
        "kp.batch.growth.max.bytes" as batch_growth_max_bytes: usize, Int, Is("1000000"), AbsentActing("0"), AtLeast(0),
            Works,
            "How far the last batch of a partition may grow past `batch.size` while the partition may not send because its window is full; at most `max.request.size` by default; 0 is Java's strict way.";
    }
}

/// The row of a key.
pub(crate) fn info(key: &str) -> Option<&'static KeyInfo> {
    KEYS.iter().find(|info| info.key == key)
}
