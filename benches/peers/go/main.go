// franz-go under load: kp-bench's arguments and its line of results.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	bootstrap   = flag.String("bootstrap", "localhost:19092", "brokers to start from")
	trusted     = flag.String("tls", "", "speak TLS and trust this certificate in PEM")
	topic       = flag.String("topic", "bench", "where to")
	topics      = flag.Int64("topics", 1, "topics TOPIC-0, TOPIC-1, … instead of TOPIC if more than one")
	records     = flag.Int64("records", 1_000_000, "how many records")
	size        = flag.Int("size", 100, "bytes of a value")
	acks        = flag.String("acks", "1", "0, 1 or all")
	linger      = flag.Int("linger", 5, "milliseconds")
	batch       = flag.Int("batch", 16384, "bytes of a batch")
	compression = flag.String("compression", "none", "none, lz4 or zstd")
	idempotence = flag.Bool("idempotence", false, "ask for idempotence")
	rate        = flag.Int64("rate", 0, "records a second; 0 = as fast as it goes")
	tick        = flag.Int64("tick", 0, "with a rate: microseconds whose records are given together; 0 = each at its moment")
	keys        = flag.Uint64("keys", 0, "distinct keys of 8 bytes; 0 = no key")
	noLatency   = flag.Bool("no-latency", false, "only count outcomes")
	buffer      = flag.Int("buffer", 32<<20, "bytes that may be buffered")
	threads     = flag.Int64("threads", 1, "sending goroutines")
	txn         = flag.Int64("txn", 0, "records of a transaction; 0 = no transactions")
	_           = flag.String("mode", "", "taken for kp's sake: outcomes come by callback")
)

func payloads() [][]byte {
	state := uint64(0x9E3779B97F4A7C15)
	values := make([][]byte, 1024)
	for number := range values {
		value := fmt.Appendf(nil, `{"id":%d,"user":"u%d","event":"page_view","ref":"`, number, number%97)
		for len(value) < *size {
			state ^= state << 13
			state ^= state >> 7
			state ^= state << 17
			value = append(value, "0123456789abcdef"[state&15])
		}
		values[number] = value[:*size]
	}
	return values
}

func options() ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(*bootstrap, ",")...),
		kgo.ProducerLinger(time.Duration(*linger) * time.Millisecond),
		kgo.ProducerBatchMaxBytes(int32(*batch)),
		kgo.MaxBufferedBytes(*buffer),
		kgo.MaxBufferedRecords(400_000),
		kgo.AllowAutoTopicCreation(),
	}
	if *trusted != "" {
		pem, err := os.ReadFile(*trusted)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no certificate in %s", *trusted)
		}
		opts = append(opts, kgo.DialTLSConfig(&tls.Config{RootCAs: roots}))
	}
	switch *acks {
	case "0":
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()))
	case "1":
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()))
	case "all", "-1":
	default:
		return nil, fmt.Errorf("acks %q", *acks)
	}
	if *txn > 0 {
		opts = append(opts, kgo.TransactionalID(fmt.Sprintf("franz-go-%d", os.Getpid())))
	}
	if !*idempotence {
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(5))
	}
	codec, known := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[*compression]
	if !known {
		return nil, fmt.Errorf("codec %q", *compression)
	}
	return append(opts, kgo.ProducerBatchCompression(codec)), nil
}

func run() error {
	opts, err := options()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	names := []string{*topic}
	if *topics > 1 {
		names = names[:0]
		for number := range *topics {
			names = append(names, fmt.Sprintf("%s-%d", *topic, number))
		}
	}
	values, ctx := payloads(), context.Background()
	if *txn > 0 {
		return inTransactions(ctx, client, values)
	}
	// The topics are known before the clock starts.
	for _, name := range names {
		client.Produce(ctx, &kgo.Record{Topic: name, Value: values[0]}, nil)
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	var ok, failed atomic.Int64
	var mutex sync.Mutex
	var latencies []int32
	if !*noLatency {
		latencies = make([]int32, 0, *records)
	}
	start := time.Now()
	send := func(number int64) {
		if *rate > 0 {
			due := time.Duration(float64(number) / float64(*rate) * 1e9)
			if step := time.Duration(*tick) * time.Microsecond; step > 0 {
				due = (due/step + 1) * step
			}
			if ahead := due - time.Since(start); ahead > 200*time.Microsecond {
				time.Sleep(ahead)
			}
		}
		record := &kgo.Record{Topic: names[number%int64(len(names))], Value: values[number&1023]}
		if *keys > 0 {
			record.Key = binary.BigEndian.AppendUint64(nil, uint64(number)*0x9E3779B97F4A7C15%*keys)
		}
		var at time.Time
		if !*noLatency {
			at = time.Now()
		}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err == nil {
				ok.Add(1)
			} else {
				failed.Add(1)
			}
			if !*noLatency {
				micros := int32(time.Since(at).Microseconds())
				mutex.Lock()
				latencies = append(latencies, micros)
				mutex.Unlock()
			}
		})
	}
	var senders sync.WaitGroup
	for thread := range max(*threads, 1) {
		senders.Add(1)
		go func() {
			defer senders.Done()
			for number := thread; number < *records; number += max(*threads, 1) {
				send(number)
			}
		}()
	}
	senders.Wait()
	if err := client.Flush(ctx); err != nil {
		return err
	}
	report(time.Since(start).Seconds(), ok.Load(), failed.Load(), 0, latencies)
	return nil
}

// As the documentation of EndTransaction wants it: a promise for each record, Flush, and a commit if no promise had an error.
func inTransactions(ctx context.Context, client *kgo.Client, values [][]byte) error {
	var ok, commits int64
	latencies := make([]int32, 0, *records / *txn + 1)
	one := func(first, count int64) error {
		if err := client.BeginTransaction(); err != nil {
			return err
		}
		promise := kgo.AbortingFirstErrPromise(client)
		for number := first; number < first+count; number++ {
			client.Produce(ctx, &kgo.Record{Topic: *topic, Value: values[number&1023]}, promise.Promise())
		}
		at := time.Now()
		if err := client.Flush(ctx); err != nil {
			return err
		}
		if err := promise.Err(); err != nil {
			return err
		}
		if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
			return err
		}
		latencies = append(latencies, int32(time.Since(at).Microseconds()))
		ok, commits = ok+count, commits+1
		return nil
	}
	// The topic and the producer id are known before the clock starts.
	if err := one(0, 1); err != nil {
		return err
	}
	ok, commits, latencies = 0, 0, latencies[:0]
	start := time.Now()
	for sent := int64(0); sent < *records; sent += *txn {
		if err := one(sent, min(*txn, *records-sent)); err != nil {
			return err
		}
	}
	report(time.Since(start).Seconds(), ok, 0, commits, latencies)
	return nil
}

func report(seconds float64, ok, failed, commits int64, latencies []int32) {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	user := float64(usage.Utime.Sec) + float64(usage.Utime.Usec)/1e6
	system := float64(usage.Stime.Sec) + float64(usage.Stime.Usec)/1e6
	sort.Slice(latencies, func(i, j int) bool { return latencies[i] < latencies[j] })
	ms := func(quantile float64) float64 {
		if len(latencies) == 0 {
			return 0
		}
		return float64(latencies[int(quantile*float64(len(latencies)-1))]) / 1000
	}
	fmt.Printf(`{"peer":"franz-go","records":%d,"size":%d,"acks":"%s","compression":"%s","idempotence":%v,"ok":%d,"failed":%d,"secs":%.3f,`,
		*records, *size, *acks, *compression, *idempotence, ok, failed, seconds)
	fmt.Printf(`"rec_per_s":%.0f,"mb_per_s":%.1f,"cpu_us_per_rec":%.3f,"cpu_user":%.2f,"cpu_sys":%.2f,"rss_mb":%d,"commits":%d,"commits_per_s":%.1f,"p50_ms":%.3f,"p99_ms":%.3f,"p999_ms":%.3f,"max_ms":%.3f}`+"\n",
		float64(ok)/seconds, float64(ok)*float64(*size)/seconds/1e6, (user+system)*1e6/float64(max(ok, 1)),
		user, system, usage.Maxrss/1024, commits, float64(commits)/seconds, ms(.5), ms(.99), ms(.999), ms(1))
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
