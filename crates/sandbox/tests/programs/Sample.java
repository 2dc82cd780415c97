import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;

public class Sample {
    public static void main(String[] arguments) throws Exception {
        System.out.println("clock " + LocalDate.now(ZoneOffset.UTC));
        Files.write(Path.of("/tmp/kept.txt"), "kept\n".getBytes());
        Files.write(Path.of("/tmp/deleted.txt"), "deleted\n".getBytes());
        Files.delete(Path.of("/tmp/deleted.txt"));
        new ProcessBuilder("/bin/true").start().waitFor();
        for (String url : new String[] {"http://plain.example/request", "https://secret.example/request"}) {
            try (InputStream answer = URI.create(url).toURL().openStream()) {
                answer.readAllBytes();
            }
        }
    }
}
