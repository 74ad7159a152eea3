// Prints what Kafka's Java client reads in `sasl.jaas.config`: lines as people write them, odd ones, and good ones with letters
// changed at random (the same each time). Run by `cargo xtask golden jaas` with the newest client library.
//
// Rows, with tabs between their columns:
//   <text> -                                  refused
//   <text> <module> <flag> <key=value> …      taken; the options in the order of their names
// A key that Java takes to be null is written ~.
//
// Backslash, tab, line feed, and everything outside printable ASCII are written \\uXXXX, in UTF-16 as Java counts.
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.JaasContext;

public class JaasAnswers {
    private static final String PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule";
    private static final String SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule";
    private static final String OAUTH = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";
    private static final String KRB5 = "com.sun.security.auth.module.Krb5LoginModule";

    /** As people and vendors write them. */
    private static final List<String> GOOD = List.of(
        PLAIN + " required username=\"alice\" password=\"alice-secret\";",
        PLAIN + "   required username='alice'   password='alice-secret';",
        PLAIN + " required\n  username=\"alice\"\n  password=\"alice-secret\";\n",
        PLAIN + " required username=\"$ConnectionString\" password=\"Endpoint=sb://n.servicebus.windows.net/;"
            + "SharedAccessKeyName=k;SharedAccessKey=a/b+c=\";",
        SCRAM + " required username=\"alice\" password=\"pa\\\"ss\\\\w\\tor\\144\" tokenauth=\"true\";",
        SCRAM + " REQUIRED username=alice password=alice_secret tokenauth=true;",
        OAUTH + " required clientId=\"id\" clientSecret=\"s\" scope=\"a b\" extension_logicalCluster=\"lkc-1\";",
        OAUTH + " required unsecuredLoginStringClaim_sub=\"alice\" unsecuredLoginListClaim_scope=\"|a|b\";",
        KRB5 + " required useKeyTab=true storeKey=true keyTab=\"/etc/k.keytab\" principal=\"kp@KP.TEST\";",
        "software.amazon.msk.auth.iam.IAMLoginModule required;",
        "/* who */ " + PLAIN + " /**/ required // which\n username=\"a\" password=\"b\"; // end");

    private static final List<String> ODD = List.of(
        "", " ", ";", PLAIN, PLAIN + ";", PLAIN + " required", PLAIN + " required;", PLAIN + " required;;",
        PLAIN + " perhaps;", PLAIN + " requisite;", PLAIN + " Sufficient;", PLAIN + " \"optional\";", PLAIN + " 1;",
        "'" + PLAIN + "' required;", "\"\" required;", "1 required;", "-a required;", "a-b required;", "$x required;",
        "_x required;", "a/b required;\n;", ".5 required;", ".a required;", "a1 required;", "1a required;", "\u00e9 required;",
        "\u00a0x required;", "x\u00a0 required;", "\u0085x required;", "x\u0085 required;", "\u03a9 required;", "\ud83d\ude00 required;",
        "\ufeffx required;", "x required; y required;", "x required; ,", "x required;1", "x required a=b", "x required a b;", "x required a=;", "x required a=1;",
        "x required a=-1;", "x required a=--;", "x required a=-b;", "x required a=b-;", "x required a=0x10;", "x required a=1b;", "x required a=b1;",
        "x required a=.;", "x required a=.b;", "x required a=b.c;", "x required a=,;", "x required a=(b);", "x required a==b;",
        "x required a=b=c;", "x required a = b;", "x required a\t=\r\nb;", "x required a=\"\";", "x required a='';",
        "x required a=\"b\"\"c\"=\"d\";", "x required a=\"b'c\";", "x required a='b\"c';", "x required a=\"b\nc=d;", "x required a=\"b\n;",
        "x required a=\"b", "x required a=\"b;", "x required \"a\"=b;", "x required 'a b'=c;", "x required 1=b;", "x required ,=b;",
        "x required ;=b;", "x required a=b a=c;", "x required A=b a=c;", "x required a=b # c;", "x required a=b; # c",
        "x required a=\"\\a\\b\\f\\n\\r\\t\\v\\q\\\\\\\"\\'\";", "x required a=\"\\0\\7\\8\\18\\177\\377\\400\\777\\1234\\12x\";", "x required a=\"\\\nb\";",
        "x required a=\"\\", "x required a=b\\c;", "x required a=\\b;", "x required a=b / c;\n;", "x required a=b //;\n;", "x required a=/b;\n;",
        "x required a=b/*c*/d;", "x required a=b /*c;", "x required a=b /*\n*/;", "x required a=b /*\n/;*/;", "x required a=b /*\r\n*/;", "x required a=b /*\r*/;",
        "x required a=b /***/;", "x required a=b /**\n*/;", "x required a=b /*/;*/;", "x required a=b */;", "x required\0a=b;", "x required a=b\0;",
        "x required a=\u00fc;", "x required a=\"\u00fc\u0085\u03a9\ud83d\ude00\";", "x required a=\u0080;", "x required a=b\u009f;", "x required a=\u00ff\u0100;",
        "x\rrequired\ra=b\r;", "x required a=b:c;", "x required a=b@c;", "x required a=${env:X};", "x required a=\"${env:X}\";", "x required a=$b_c-d;",
        "x required a=b,c;", "x required a=b+c;", "x required a=%41;", "x required a=~;", "x required a=b!;", "x required a=[b];", "x required a={b};",
        "x required /;\na=b;", "x / required;\nrequired;", "com.sun.security.auth.module.JndiLoginModule required;",
        "com.sun.security.auth.module.LdapLoginModule required;", " com.sun.security.auth.module.JndiLoginModule required;");

    /** What is put in place of a letter, or between two. */
    private static final String LETTERS = "aZ.-_$=;\"'\\/*1078 \n\r\t,#\u0000\u0085\u00a0\u00e9\u03a9";

    public static void main(String[] args) {
        Set<String> texts = new LinkedHashSet<>(GOOD);
        texts.addAll(ODD);
        List<String> bases = new ArrayList<>(GOOD);
        bases.add("x required a=b c='d' e=\"f\";");
        bases.add("x /*c*/ required a=\"\\101\" // d\n;");
        Random random = new Random(16);
        while (texts.size() < 900) {
            StringBuilder text = new StringBuilder(bases.get(random.nextInt(bases.size())));
            for (int change = random.nextInt(3); change >= 0; change--) {
                int at = random.nextInt(text.length());
                char letter = LETTERS.charAt(random.nextInt(LETTERS.length()));
                switch (random.nextInt(3)) {
                    case 0 -> text.setCharAt(at, letter);
                    case 1 -> text.insert(at, letter);
                    default -> text.deleteCharAt(at);
                }
            }
            texts.add(text.toString());
        }
        texts.forEach(text -> System.out.println(escaped(text) + "\t" + answer(text)));
    }

    private static String answer(String text) {
        try {
            JaasContext context = JaasContext.loadClientContext(Map.of("sasl.jaas.config", new Password(text)));
            AppConfigurationEntry entry = context.configurationEntries().get(0);
            Map<String, String> options = new TreeMap<>();
            entry.getOptions().forEach((key, value) -> options.put(key == null ? "~" : key, (String) value));
            StringBuilder row = new StringBuilder(escaped(entry.getLoginModuleName()));
            row.append('\t').append(entry.getControlFlag().toString().replace("LoginModuleControlFlag: ", ""));
            options.forEach((key, value) -> row.append('\t').append(escaped(key)).append('=').append(escaped(value)));
            return row.toString();
        } catch (RuntimeException refused) {
            return "-";
        }
    }

    private static String escaped(String text) {
        StringBuilder row = new StringBuilder();
        for (char letter : text.toCharArray()) {
            if (letter < ' ' || letter > '~' || letter == '\\') {
                row.append(String.format("\\u%04x", (int) letter));
            } else {
                row.append(letter);
            }
        }
        return row.toString();
    }
}
