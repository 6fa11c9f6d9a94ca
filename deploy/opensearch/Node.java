import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One OpenSearch node until SIGTERM: `java -cp 'lib/*' Node.java DIRECTORY CLUSTER [setting=value …]`. */
public class Node {
    public static void main(String[] args) throws InterruptedException {
        OpenSearchRunner runner = new OpenSearchRunner();
        // The runner's own main has no way to say how nodes of several processes find each other.
        runner.onBuild((number, settings) -> {
            for (int at = 2; at < args.length; at++) {
                String[] parts = args[at].split("=", 2);
                settings.put(parts[0], parts[1]);
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                runner.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
        runner.build(OpenSearchRunner.newConfigs().basePath(args[0]).numOfNode(1).clusterName(args[1]));
        Thread.currentThread().join();
    }
}
