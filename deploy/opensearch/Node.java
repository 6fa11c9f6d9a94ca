import org.codelibs.opensearch.runner.OpenSearchRunner;

/** Runs one OpenSearch node until SIGTERM: `java -cp 'lib/*' Node.java DIRECTORY CLUSTER [setting=value …]`. */
public class Node {
    public static void main(String[] args) throws InterruptedException {
        OpenSearchRunner runner = new OpenSearchRunner();
        // OpenSearchRunner.main has no options for the discovery of nodes in other processes.
        runner.onBuild((number, settings) -> {
            for (int i = 2; i < args.length; i++) {
                String[] parts = args[i].split("=", 2);
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
