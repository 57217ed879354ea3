import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.Provider;
import java.security.Security;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * Values as each writer stores them, made with the ciphers of Java: one JSON object a line. The initialization vectors are
 * fixed, so the output is always the same, whichever provider makes it: SunJCE, or the one whose class is the argument.
 */
public final class MakeVectors {
    private static final String[] TEXTS = {
        "", "x", "wso2carbon", "eyJ4IjoiYSB0b2tlbiJ9.c2lnbmF0dXJl", "p\u00e4ssw\u00f6rd \ud83d\udd11", "a".repeat(600),
    };
    private static final String OTHER = "9f1c2ab47d3e58606b1d4f90c7e8a235";

    private final Provider provider;
    private int number;

    private MakeVectors(Provider provider) {
        this.provider = provider;
    }

    /** What a writer does. */
    private record Writer(String name, String key, boolean hex, int iv, boolean namesKey, boolean sealsNothing) {}

    public static void main(String[] arguments) throws Exception {
        Provider provider = arguments.length == 0
                ? Security.getProvider("SunJCE")
                : (Provider) Class.forName(arguments[0]).getDeclaredConstructor().newInstance();
        new MakeVectors(provider).all();
    }

    private void all() throws Exception {
        String usual = "22b97077751bc066067ffeefb83a1c16";
        String digits64 = "00112233445566778899AABBCCDDEEFF0f1e2d3c4b5a69788796a5b4c3d2e1f0";
        String digits48 = digits64.substring(16);
        List<Writer> writers = List.of(
                new Writer("5.11.0", usual, false, 16, false, false),
                new Writer("5.11 with updates", usual, false, 128, false, false),
                new Writer("6.0 and 6.1", "03BAFEB27A8E871CAD83C5CD4E771DAB", false, 128, false, false),
                new Writer("7.0", "sixteen letters!", false, 128, false, false),
                new Writer("7.0 with 24 characters", "four and twenty letters!", false, 128, false, false),
                new Writer("7.1 and later", usual, false, 128, true, false),
                new Writer("7.1 and later without key ids", usual, false, 128, false, false),
                new Writer("7.1 and later with 64 digits", digits64, true, 128, true, false),
                new Writer("7.1 and later with 48 digits", digits48, true, 128, true, false),
                new Writer("the Java tool", usual, false, 16, false, true));
        for (Writer writer : writers) {
            for (String text : TEXTS) {
                byte[] key = bytes(writer.key, writer.hex);
                print(writer.name, writer.key, text, gcm(writer, key, key, text));
            }
        }
        // A key of its own for TOTP secrets: the id is the other key's.
        Writer totp = new Writer("7.0 and later with totpKey", OTHER, false, 128, true, false);
        for (String text : TEXTS) {
            print(totp.name, OTHER, text, gcm(totp, bytes(OTHER, false), bytes(usual, false), text));
        }
        for (String text : TEXTS) {
            print("AES in ECB", usual, text, ecb(bytes(usual, false), text));
        }
    }

    private static byte[] bytes(String key, boolean hex) {
        return hex ? java.util.HexFormat.of().parseHex(key) : key.getBytes(StandardCharsets.UTF_8);
    }

    /** A time-based UUID, as the servers take it, with zeros behind it up to the length. */
    private byte[] iv(int length) {
        number++;
        long time = 0x1ed0a1b2c3d40000L + number;
        long most = (time << 32) | ((time >>> 16) & 0xffff0000L) | 0x1000L | ((time >>> 48) & 0x0fffL);
        byte[] uuid = ByteBuffer.allocate(16).putLong(most).putLong(0x8a5b00e04c680001L).array();
        return Arrays.copyOf(uuid, length);
    }

    private String gcm(Writer writer, byte[] key, byte[] named, String text) throws Exception {
        byte[] iv = iv(writer.iv);
        byte[] sealed = new byte[0];
        if (!text.isEmpty() || writer.sealsNothing) {
            Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", provider);
            cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new GCMParameterSpec(128, iv));
            sealed = cipher.doFinal(text.getBytes(StandardCharsets.UTF_8));
        }
        List<String> inner = new ArrayList<>(List.of("cipher", base64(sealed), "initializationVector", base64(iv)));
        if (writer.namesKey) {
            inner.addAll(List.of("keyId", base64(MessageDigest.getInstance("SHA-256").digest(named))));
        }
        return base64(object(List.of("c", base64(object(inner)), "t", "AES/GCM/NoPadding", "iv", base64(iv))));
    }

    private String ecb(byte[] key, String text) throws Exception {
        Cipher cipher = Cipher.getInstance("AES/ECB/PKCS5Padding", provider);
        cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"));
        byte[] sealed = cipher.doFinal(text.getBytes(StandardCharsets.UTF_8));
        return base64(object(List.of("c", base64(sealed), "t", "AES")));
    }

    private static byte[] object(List<String> members) {
        StringBuilder out = new StringBuilder("{");
        for (int at = 0; at < members.size(); at += 2) {
            out.append(at == 0 ? "" : ",").append(quoted(members.get(at))).append(':').append(quoted(members.get(at + 1)));
        }
        return out.append('}').toString().getBytes(StandardCharsets.UTF_8);
    }

    private static String quoted(String text) {
        return '"' + text + '"';
    }

    private static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }

    private static void print(String writer, String key, String text, String stored) {
        String hex = java.util.HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
        System.out.println(new String(
                object(List.of("writer", writer, "key", key, "plaintext", hex, "stored", stored)), StandardCharsets.UTF_8));
    }
}
