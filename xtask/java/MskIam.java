// Prints what the Java library of AWS (aws-msk-iam-auth) sends to a broker of MSK: for hosts, regions and keys of several kinds,
// in both forms. Run by `cargo xtask golden msk`. The library reads the clock; the moment is in what it prints.
//
// Rows, with tabs between their columns; a key of a user has ~ for a session token:
//   json <host> <access key id> <secret access key> <session token> <user agent> <JSON>
//   url <region> <access key id> <secret access key> <session token> <URL> <lifetime, ms>
// The URL is the decoded token without what follows its signature: there the library describes the machine.
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import javax.security.auth.callback.Callback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerTokenCallback;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler;

public class MskIam {
    private static final String INTERNALS = "software.amazon.msk.auth.iam.internals.";

    /** Keys: id, secret, session token. */
    private static final List<String[]> KEYS = List.of(
        new String[] {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", null},
        new String[] {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "SESSION/TOKEN+=="},
        new String[] {"ASIA0123456789ABCDEF", "+/==", "a-b_c.d~e/f+g==" + "IQoJb3JpZ2luX2Vj".repeat(40)});

    private static final List<String> HOSTS = List.of(
        "b-1.example.kafka.us-east-1.amazonaws.com",
        "b-2.demo.abc123.c2.kafka.eu-central-1.amazonaws.com",
        "boot-1a2b3c.c1.kafka-serverless.ap-southeast-2.amazonaws.com",
        "b-1.example.abc123.c4.kafka.cn-north-1.amazonaws.com.cn",
        "b-3-public.example.abc123.c7.kafka.us-gov-west-1.amazonaws.com");

    private static final List<String> REGIONS =
        List.of("us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "ap-southeast-2");

    private static final List<String> AGENTS = List.of("kp/0.1.0", "kp/0.1 (test; \"a\" \\ b)");

    public static void main(String[] args) throws Exception {
        for (String[] key : KEYS) {
            for (String host : HOSTS) {
                for (String agent : AGENTS) {
                    row("json", host, key, agent, json(host, key, agent));
                }
            }
            for (String region : REGIONS) {
                OAuthBearerTokenCallback answer = url(region, key);
                byte[] url = Base64.getUrlDecoder().decode(answer.token().value());
                String signed = new String(url, StandardCharsets.UTF_8).replaceAll("&User-Agent=.*", "");
                row("url", region, key, signed, Long.toString(answer.token().lifetimeMs()));
            }
        }
    }

    private static void row(String form, String where, String[] key, String one, String other) {
        String token = key[2] == null ? "~" : key[2];
        System.out.println(String.join("\t", form, where, key[0], key[1], token, one, other));
    }

    private static String json(String host, String[] key, String agent) throws Exception {
        AwsCredentials credentials = key[2] == null
            ? AwsBasicCredentials.create(key[0], key[1])
            : AwsSessionCredentials.create(key[0], key[1], key[2]);
        Object params = method("AuthenticationRequestParams", "create", 3).invoke(null, host, credentials, agent);
        Constructor<?> made = Class.forName(INTERNALS + "AWS4SignedPayloadGenerator").getDeclaredConstructor();
        made.setAccessible(true);
        Object payload = method("AWS4SignedPayloadGenerator", "signedPayload", 1).invoke(made.newInstance(), params);
        return new String((byte[]) payload, StandardCharsets.UTF_8);
    }

    private static OAuthBearerTokenCallback url(String region, String[] key) throws Exception {
        System.setProperty("aws.accessKeyId", key[0]);
        System.setProperty("aws.secretAccessKey", key[1]);
        System.setProperty("aws.region", region);
        if (key[2] == null) {
            System.clearProperty("aws.sessionToken");
        } else {
            System.setProperty("aws.sessionToken", key[2]);
        }
        IAMOAuthBearerLoginCallbackHandler handler = new IAMOAuthBearerLoginCallbackHandler();
        handler.configure(Map.of(), "OAUTHBEARER", List.of());
        OAuthBearerTokenCallback answer = new OAuthBearerTokenCallback();
        handler.handle(new Callback[] {answer});
        return answer;
    }

    /** A method that the library keeps to itself. */
    private static Method method(String type, String name, int parameters) throws Exception {
        for (Method method : Class.forName(INTERNALS + type).getDeclaredMethods()) {
            if (method.getName().equals(name) && method.getParameterCount() == parameters && !method.isBridge()) {
                method.setAccessible(true);
                return method;
            }
        }
        throw new NoSuchMethodException(type + "." + name);
    }
}
