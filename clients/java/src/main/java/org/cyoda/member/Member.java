package org.cyoda.member;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cloudevents.v1.proto.CloudEvent;
import io.grpc.CallOptions;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * A calculation member in one file: joins with a tag, runs one processor and one criterion, and reconnects.
 *
 * <pre>
 *   CYODA_CLIENT_ID=… CYODA_CLIENT_SECRET=… java -jar target/cyoda-member.jar http://localhost:8080/api localhost:9090 java
 * </pre>
 *
 * Arguments: the API's address, the gRPC address (plaintext), the tag. Copy it and replace {@link #PROCESSORS} and
 * {@link #CRITERIA}. Numbers of documents stay exact: they are BigDecimal or BigInteger, never double.
 */
public final class Member {
    private static final Duration SHORTEST_PAUSE = Duration.ofMillis(500);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);
    private static final int THREADS = 16;
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    /** The one rpc that members use; every message of the protocol is a CloudEvent. */
    private static final MethodDescriptor<CloudEvent, CloudEvent> START_STREAMING =
            MethodDescriptor.<CloudEvent, CloudEvent>newBuilder()
                    .setType(MethodDescriptor.MethodType.BIDI_STREAMING)
                    .setFullMethodName("org.cyoda.cloud.api.grpc.CloudEventsService/startStreaming")
                    .setRequestMarshaller(ProtoUtils.marshaller(CloudEvent.getDefaultInstance()))
                    .setResponseMarshaller(ProtoUtils.marshaller(CloudEvent.getDefaultInstance()))
                    .build();
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .build();

    // --- the business logic -----------------------------------------------------------------------------------------

    /** Processors by name: the entity's document in, the document that replaces it out. */
    private static final Map<String, Function<ObjectNode, JsonNode>> PROCESSORS = Map.of("price", Member::price);

    /** Criteria by name: the entity's document in, whether it matches out. */
    private static final Map<String, Predicate<ObjectNode>> CRITERIA = Map.of("isLarge", Member::isLarge);

    /** Adds `total` = `quantity` × `unitPrice`. */
    static JsonNode price(ObjectNode order) {
        BigDecimal total = order.required("quantity").decimalValue().multiply(order.required("unitPrice").decimalValue());
        return order.put("total", total);
    }

    /** Whether the total is 100 or more. */
    static boolean isLarge(ObjectNode order) {
        return order.required("total").decimalValue().compareTo(BigDecimal.valueOf(100)) >= 0;
    }

    // --- the protocol -----------------------------------------------------------------------------------------------

    private final String api;
    private final String target;
    private final String tag;
    private final ExecutorService workers = Executors.newFixedThreadPool(THREADS);
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(10)).build();

    private Member(String api, String target, String tag) {
        this.api = api;
        this.target = target;
        this.tag = tag;
    }

    public static void main(String[] arguments) throws InterruptedException {
        if (arguments.length != 3) {
            System.err.println("usage: java -jar cyoda-member.jar API_URL GRPC_HOST:PORT TAG");
            System.exit(2);
        }
        new Member(arguments[0], arguments[1], arguments[2]).run();
    }

    /** Connect again whenever the stream ends, after a pause that doubles until a connection is greeted. */
    private void run() throws InterruptedException {
        Duration pause = SHORTEST_PAUSE;
        while (true) {
            boolean wasGreeted = false;
            try {
                wasGreeted = serve(fetchToken());
            } catch (IOException error) {
                System.err.println("no token: " + error.getMessage());
            }
            pause = wasGreeted ? SHORTEST_PAUSE : pause.multipliedBy(2);
            pause = pause.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause;
            Thread.sleep(ThreadLocalRandom.current().nextLong(pause.toMillis() / 2, pause.toMillis()));
        }
    }

    /** One connection, from the join to the stream's end; whether the platform greeted it. */
    private boolean serve(String token) throws InterruptedException {
        Metadata metadata = new Metadata();
        metadata.put(AUTHORIZATION, "Bearer " + token);
        ManagedChannel channel = ManagedChannelBuilder.forTarget(target).usePlaintext()
                .maxInboundMessageSize(Integer.MAX_VALUE).build();
        try {
            Stream stream = new Stream();
            stream.outgoing = ClientCalls.asyncBidiStreamingCall(
                    ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(metadata))
                            .newCall(START_STREAMING, CallOptions.DEFAULT),
                    stream);
            ObjectNode join = JSON.createObjectNode();
            join.putArray("tags").add(tag);
            stream.send("CalculationMemberJoinEvent", join);
            stream.ended.await();
            return stream.isGreeted;
        } finally {
            channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
        }
    }

    /** The bearer token of the client in CYODA_CLIENT_ID and CYODA_CLIENT_SECRET. */
    private String fetchToken() throws IOException, InterruptedException {
        String credentials = System.getenv("CYODA_CLIENT_ID") + ":" + System.getenv("CYODA_CLIENT_SECRET");
        HttpRequest request = HttpRequest.newBuilder(URI.create(api + "/oauth/token"))
                .timeout(Duration.ofSeconds(10))
                .header("Authorization", "Basic "
                        + Base64.getEncoder().encodeToString(credentials.getBytes(StandardCharsets.UTF_8)))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString("grant_type=client_credentials"))
                .build();
        HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            throw new IOException("the token endpoint answered " + response.statusCode());
        }
        return JSON.readTree(response.body()).required("access_token").textValue();
    }

    /** The two directions of one connection. Requests are answered by the workers, in any order. */
    private final class Stream implements StreamObserver<CloudEvent> {
        private final CountDownLatch ended = new CountDownLatch(1);
        private volatile boolean isGreeted;
        private StreamObserver<CloudEvent> outgoing;

        @Override
        public void onNext(CloudEvent event) {
            switch (event.getType()) {
                case "CalculationMemberGreetEvent" -> {
                    isGreeted = true;
                    System.out.println("joined as member " + payload(event).path("memberId").asText());
                }
                case "CalculationMemberKeepAliveEvent" -> send("EventAckResponse",
                        JSON.createObjectNode().put("sourceEventId", payload(event).path("id").asText())
                                .put("success", true));
                case "EntityProcessorCalculationRequest" -> workers.execute(() -> answer(event,
                        "EntityProcessorCalculationResponse", Member::processed));
                case "EntityCriteriaCalculationRequest" -> workers.execute(() -> answer(event,
                        "EntityCriteriaCalculationResponse", Member::judged));
                default -> System.err.println("ignored an event of type " + event.getType());
            }
        }

        /** Whatever the logic throws is reported, and fails the transition; nothing is left to time out. */
        private void answer(CloudEvent event, String type, Function<JsonNode, ObjectNode> logic) {
            JsonNode request = payload(event);
            ObjectNode reply;
            try {
                reply = logic.apply(request).put("success", true);
            } catch (RuntimeException error) {
                reply = JSON.createObjectNode().put("success", false);
                reply.putObject("error").put("code", "MEMBER_ERROR")
                        .put("message", error.getClass().getSimpleName() + ": " + error.getMessage());
            }
            send(type, reply.put("requestId", request.path("requestId").asText())
                    .put("entityId", request.path("entityId").asText()));
        }

        /** One writer at a time: an outgoing stream is not thread-safe. */
        private synchronized void send(String type, ObjectNode payload) {
            payload.put("id", UUID.randomUUID().toString());
            outgoing.onNext(CloudEvent.newBuilder().setId(UUID.randomUUID().toString()).setSource("java-member")
                    .setSpecVersion("1.0").setType(type).setTextData(payload.toString()).build());
        }

        @Override
        public void onError(Throwable error) {
            System.err.println("the stream ended: " + error.getMessage());
            ended.countDown();
        }

        @Override
        public void onCompleted() {
            ended.countDown();
        }
    }

    private static ObjectNode processed(JsonNode request) {
        var processor = known(PROCESSORS, request.path("processorName").asText());
        ObjectNode reply = JSON.createObjectNode();
        reply.putObject("payload").put("type", "JSON").set("data", processor.apply(document(request)));
        return reply;
    }

    private static ObjectNode judged(JsonNode request) {
        var criterion = known(CRITERIA, request.path("criteriaName").asText());
        return JSON.createObjectNode().put("matches", criterion.test(document(request)));
    }

    private static <T> T known(Map<String, T> handlers, String name) {
        T handler = handlers.get(name);
        if (handler == null) {
            throw new IllegalArgumentException("this member has nothing named " + name);
        }
        return handler;
    }

    private static ObjectNode document(JsonNode request) {
        return (ObjectNode) request.required("payload").required("data");
    }

    private static JsonNode payload(CloudEvent event) {
        try {
            return JSON.readTree(event.getTextData());
        } catch (IOException error) {
            throw new IllegalArgumentException("an event is not JSON", error);
        }
    }
}
