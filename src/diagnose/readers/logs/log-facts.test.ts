import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { SignalId } from "../../facts/signals.ts";
import { createLogReader } from "./index.ts";
import { unsearchable } from "./line-matcher.ts";
import { digestOf, ERAS, readLog, START_MS, sightingsIn } from "./testing/read-log.ts";

const CIDR_ERROR =
  "InsufficientCidrBlocks: The specified subnet does not have enough free cidr blocks to satisfy the request.";

/** failures.md 2.2 and 2.3: each wording and what it must be known as. */
const MESSAGES: readonly (readonly [string, SignalId, Readonly<Record<string, string>>?])[] = [
  ["Starting L-IPAMD v1.18.3  ...", "agent-start", { version: "v1.18.3" }],
  [
    "IP pool manager - max pods: 58, warm IP target: 0, warm prefix target: 1, warm ENI target: 1, minimum IP target: 20",
    "pool-manager-start",
    { maxPods: "58", warmIpTarget: "0", warmPrefixTarget: "1", warmEniTarget: "1", minimumIpTarget: "20" },
  ],
  ["Using WARM_ENI_TARGET 1", "setting-used", { name: "WARM_ENI_TARGET", value: "1" }],
  ["Using MAX_ENI 2", "setting-used", { name: "MAX_ENI", value: "2" }],
  ["Prefix Delegation enabled true", "prefix-delegation-enabled", { value: "true" }],
  ["Custom networking enabled false", "custom-networking-enabled", { value: "false" }],
  ["Subnet discovery enabled true", "subnet-discovery-enabled", { value: "true" }],
  [
    "Prefix delegation is not supported on non-nitro instance t2.large hence falling back to default (secondary IP) mode",
    "non-nitro-fallback",
    { instanceType: "t2.large" },
  ],
  ["Max ip per ENI 144 and max prefixes per ENI 9", "per-eni-limits", { addresses: "144", prefixes: "9" }],
  ["Found ENIs having 1 secondary IPs and 0 Prefixes", "eni-addresses-found", { addresses: "1", prefixes: "0" }],
  ["AssignPodIPv4Address: IP address pool stats: total 32, assigned 32", "pool-at-add"],
  ["AssignIPv4Address: IP address pool stats: total: 14, assigned 14", "pool-at-add"],
  ["DataStore has no available IP/Prefix addresses", "no-address"],
  ["DataStore has no available IP addresses", "no-address"],
  ["Send AddNetworkReply: Success: false IPAddr: [], resp: <nil>, err: x", "add-reply-refused"],
  [
    "Send AddNetworkReply: IPv4Addr , IPv6Addr: , DeviceNumber: -1, err: AssignPodIPv4Address: no available IP/Prefix addresses",
    "add-reply-refused",
  ],
  [
    "Send AddNetworkReply: IPv4Addr , DeviceNumber: 0, err: assignPodIPv4AddressUnsafe: no available IP addresses",
    "add-reply-refused",
  ],
  ["Send AddNetworkReply: IPv4Addr , DeviceNumber: 0, err: datastore: no available IP addresses", "add-reply-refused"],
  [
    "Get free IP from prefix failed no free IP available in the prefix - 10.0.0.16/fffffff0",
    "cidr-full",
    { cidr: "10.0.0.16", mask: "fffffff0" },
  ],
  ["IP 10.0.0.17 entering cooldown period of 30s (available after x)", "address-cooling"],
  ["Starting to increase pool size for network card 0", "growth-start"],
  ["Starting to increase pool size", "growth-start"],
  ["Start increasing IP Pool size", "growth-start"],
  ["Prefix target is 1, short of 1 prefixes, free 0 prefixes", "prefix-short", { target: "1", short: "1", free: "0" }],
  ["Trying to allocate 1 IP addresses on ENI eni-0abc", "growth-attempt", { count: "1", eni: "eni-0abc" }],
  ["Trying to allocate 3 IP addresses on new ENI", "growth-attempt", { count: "3" }],
  ["Recently we had InsufficientCidr error hence will wait for 2m0s before retrying", "backoff-active"],
  [
    "Unable to attach IPs/Prefixes for the ENI, subnet doesn't seem to have enough IPs/Prefixes. Consider using new subnet",
    "backoff-recorded",
  ],
  [`Failed to allocate a private IP/Prefix addresses on ENI eni-0abc: ${CIDR_ERROR}`, "growth-failed"],
  [`failed to allocate one IPv4 prefix on ENI eni-0abc, err: ${CIDR_ERROR}`, "growth-failed"],
  ["Failed to increase pool size due to not able to allocate ENI AllocENI: x", "growth-failed"],
  ["Skipping ENI allocation as the max ENI limit is already reached", "eni-limit-reached"],
  [
    "hasRoomForEni: networkCard=0, currentENIs=3, maxENI=3, unmanagedENI=0, trunkEni=0, excludedENI=0, hasRoom=false",
    "room-for-eni",
    { currentEnis: "3", maxEni: "3", unmanagedEni: "0", trunkEni: "0", excludedEni: "0", hasRoom: "false" },
  ],
  ["AWS CNI is on a non schedulable node, will not try to attach any new IPs or ENIs right now", "cordoned"],
  ["Refused ADD for sandbox aws-cni/4f/eth0: node-cordoned", "cordoned"],
  [
    "No /28 to be had in subnet subnet-0abc: asking for 3 single addresses instead",
    "singles-stand-in",
    { subnet: "subnet-0abc" },
  ],
  ["AWS CNI is terminating, will not try to attach any new IPs or ENIs right now", "terminating"],
  ["Failed to get pod ENI config", "eniconfig-missing"],
  ["No slot available for a trunk ENI to be attached.", "no-slot-for-trunk"],
  ["Send AddNetworkReply: No trunk ENI found, cannot add a pod ENI", "no-trunk"],
  ["Send AddNetworkReply: failed to get Branch ENI resource", "branch-eni-missing"],
  ["Failed to annotate vpc.amazonaws.com/pod-ips the pod with 10.0.0.5, error x", "pod-annotation-failed"],
  ["Instance metadata does not match data store! ipPool: [], metadata: []", "metadata-mismatch"],
  ["Not able to find the right ENI yet (attempt 12/12)", "eni-not-in-metadata", { attempt: "12", of: "12" }],
  ["waitForENIAndIPsAttached: giving up trying to retrieve ENIs from metadata service", "eni-not-in-metadata"],
  ["setupENINetwork: failed to find the link which uses MAC address 02:00", "eni-link-not-found"],
  [
    "datastore: Sandbox a/b/eth0 uses unknown IP Address 10.0.0.17 - presuming stale/dead",
    "stale-allocation",
    { address: "10.0.0.17" },
  ],
  ["Force removing eni eni-0abc with 3 assigned pods", "force-removed"],
  ["Reconcile and delete detached ENI eni-0abc", "force-removed"],
  ["Unable to reach API Server: x", "api-server-unreachable"],
  ["Initialization failure: ipamd init: failed", "initialization-failure", { cause: "ipamd init: failed" }],
  [
    "Received CNI add request: ContainerID(ab) Netns(/n) IfName(eth0) Args(K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1;X=1)",
    "plugin-add",
    { namespace: "shop", name: "web-1" },
  ],
  ["Failed to assign an IP address to container ab", "plugin-refused"],
  ["Failed SetupPodNetwork for container ab: x", "pod-network-setup-failed"],
  ["Failed to find sandbox _migrated-from-cri/ab/unknown", "sandbox-not-found"],
];

test("every alternative of every signal can be searched for", () => {
  expect(unsearchable()).toEqual([]);
});

describe.each(Object.entries(ERAS))("in the era of %s", (era, line) => {
  test.each(MESSAGES.map((one) => [one[0], one]))("%s", (_, [message, signal, captures]) => {
    const part = readLog(`${line(message)}\n`);
    const [sighting, ...others] = sightingsIn(part, signal);
    expect(others).toEqual([]);
    expect(sighting?.occurrences.count).toBe(1);
    expect(sighting?.occurrences.firstMs).toBe(START_MS);
    expect(sighting?.occurrences.samples[0]?.source).toEqual({ file: "ipamd.log", line: 1 });
    if (captures !== undefined) expect(sighting?.captures).toEqual(captures);
    expect(String(digestOf(part).era)).toBe(era);
  });

  test("an EC2 error keeps its call, code, ENI and count", () => {
    const message = `Failed to allocate a private IP/Prefix addresses on ENI eni-0abc: ${CIDR_ERROR}\n\tstatus code: 400, request id: `;
    const log = [1, 2].map((n) => line(`${message}a-${n}`, n, "error")).join("\n");
    const [error, ...others] = readLog(log).ec2Errors ?? [];
    expect(others).toEqual([]);
    expect(error).toMatchObject({ api: "AssignPrivateIpAddresses", code: "InsufficientCidrBlocks", eniId: "eni-0abc" });
    expect(error?.message).toBe(CIDR_ERROR.slice("InsufficientCidrBlocks: ".length));
    expect(error?.occurrences.count).toBe(2);
  });
});

test("a reply that gave an address is no refusal, in any wording", () => {
  const log = [
    "Send AddNetworkReply: Success: true IPAddr: [10.0.0.5], resp: x, err: <nil>",
    "Send AddNetworkReply: IPv4Addr 10.0.0.5, IPv6Addr: , DeviceNumber: 0, err: <nil>",
  ].map((message) => ERAS.json(message));
  const part = readLog(log.join("\n"));
  expect(sightingsIn(part, "add-reply-refused")).toEqual([]);
  expect(digestOf(part)).toMatchObject({ successCount: 2, refusalCount: 0 });
});

test("one refusal is counted once, though datastore and reply both tell of it", () => {
  const log = [
    ERAS.json("DataStore has no available IP/Prefix addresses", 0, "error"),
    ERAS.json("DataStore has no available IP/Prefix addresses", 0, "error"),
    ERAS.json("Send AddNetworkReply: Success: false IPAddr: [], resp: , err: no available IP/Prefix addresses", 1),
    ERAS.json("Send AddNetworkReply: Success: false IPAddr: [], resp: , err: no available IP/Prefix addresses", 1),
  ];
  expect(digestOf(readLog(log.join("\n"))).refusalCount).toBe(2);
});

test("a branch ENI that is not there is no lack of addresses", () => {
  const log = ERAS.json("Send AddNetworkReply: failed to get Branch ENI resource", 0, "error");
  expect(digestOf(readLog(log)).refusalCount).toBe(0);
});

test("the settings of the last start are the agent's; a target that was not printed is not set", () => {
  const log = [
    "Starting L-IPAMD v1.17.1  ...",
    "Using WARM_IP_TARGET 9",
    "Starting L-IPAMD v1.18.3  ...",
    "Prefix Delegation enabled true",
    "Using WARM_ENI_TARGET 2",
  ].map((message, second) => ERAS.json(message, second));
  const part = readLog(log.join("\n"));
  const [source] = part.settings ?? [];
  expect(source).toMatchObject({ origin: "log", layer: "running", node: "node-1", isComplete: false });
  expect(Object.fromEntries(source?.env.map((one) => [one.name, one.value]) ?? [])).toEqual({
    ENABLE_PREFIX_DELEGATION: "true",
    WARM_ENI_TARGET: "2",
    WARM_IP_TARGET: "0",
    MINIMUM_IP_TARGET: "0",
  });
  expect(part.versions?.map((one) => one.version)).toEqual(["v1.17.1", "v1.18.3"]);
});

test("each start says how the process before it ended", () => {
  const log = [
    "Starting L-IPAMD v1.18.3  ...",
    "Found ENI: eni-0abc, MAC 02:00, device 0",
    "Constructed new logger instance",
    "Starting L-IPAMD v1.18.3  ...",
    "node init completed successfully",
  ].map((message, second) => ERAS.json(message, second * 90));
  const { starts } = digestOf(readLog(log.join("\n")));
  expect(starts.map((one) => one.isServing)).toEqual([false, true]);
  expect(starts[0]?.lastText).toContain("Found ENI: eni-0abc");
  expect(starts[0]?.lastMs).toBe(START_MS + 90_000);
});

describe("forms that people paste", () => {
  const whole = ERAS.json(
    `Failed to allocate a private IP/Prefix addresses on ENI eni-0abc: ${CIDR_ERROR}`,
    0,
    "error",
  );

  test.each([
    ["quoted", `> ${whole}`],
    ["with the path of its file", `[/var/log/aws-routed-eni/ipamd.log] ${whole}`],
    ["without its brace", whole.slice(1)],
    ["cut at its start", whole.slice(4)],
    ["cut at its end", whole.slice(0, -30)],
    ["wrapped at a blank", whole.replace(" cidr blocks", "\ncidr blocks")],
    ["wrapped within a word", whole.replace("CidrBlocks", "Cidr\nBlocks")],
    ["quoted and wrapped", `> ${whole.replace(" cidr blocks", "\n> cidr blocks")}`],
    ["in back quotes", `\`${whole}\``],
    ["fenced", `We see this:\n\`\`\`\n${whole}\n\`\`\`\nWhat is wrong?`],
    [
      "as the AWS CLI says it",
      `An error occurred (InsufficientCidrBlocks) when calling the AssignPrivateIpAddresses operation: x`,
    ],
    [
      "from SDK v2",
      ERAS.json(
        "Failed: operation error EC2: AssignPrivateIpAddresses, https response error StatusCode: 400, RequestID: 0a-1, api error InsufficientCidrBlocks: The subnet",
      ),
    ],
  ])("%s", (_, text) => {
    const errors = readLog(text).ec2Errors ?? [];
    expect(errors.map(({ api, code }) => `${api} ${code}`)).toEqual([
      "AssignPrivateIpAddresses InsufficientCidrBlocks",
    ]);
  });

  test("a code named in a question is no error", () => {
    expect(readLog("Could this be the InsufficientCidrBlocks thing?").ec2Errors).toEqual([]);
  });

  test("events keep their reason, count and pod", () => {
    const text = [
      "  Warning  FailedCreatePodSandBox  4m (x12 over 10m)  kubelet  Failed to create pod sandbox: add cmd: failed to assign an",
      " IP address to container",
    ].join("\n");
    const part = readLog(text);
    expect(part.events).toMatchObject([{ reason: "FailedCreatePodSandBox", count: 12, component: "kubelet" }]);
    expect(sightingsIn(part, "add-refused")).toHaveLength(1);
  });

  test("a line of kubelet names its pod", () => {
    const text = `Jan  2 03:04:05 ip-10-0-1-2 kubelet[42]: E0102 03:04:05.678901 4321 pod_workers.go:190] "Error syncing pod, skipping" err="failed to \\"CreatePodSandbox\\" for \\"web-1_shop(ab)\\": add cmd: failed to assign an IP address to container" pod="shop/web-1"`;
    const part = readLog(text);
    expect(part.events).toMatchObject([{ namespace: "shop", name: "web-1" }]);
    expect(sightingsIn(part, "add-refused")[0]?.pod).toBe("shop/web-1");
  });

  test("settings of a manifest and of a shell are those of the paste", () => {
    const text = '- name: WARM_IP_TARGET\n  value: "5"\nWe also set MINIMUM_IP_TARGET=16, see below.';
    const [source] = readLog(text).settings ?? [];
    expect(source?.origin).toBe("facts");
    expect(source?.env.map(({ name, value, at }) => [name, value, at.line])).toEqual([
      ["WARM_IP_TARGET", "5", 2],
      ["MINIMUM_IP_TARGET", "16", 3],
    ]);
  });

  test("a logrus line of the container is read", () => {
    const text = 'time="2024-01-02T03:04:05Z" level=info msg="Checking for IPAM connectivity... "';
    expect(sightingsIn(readLog(text), "entrypoint-waiting")[0]?.occurrences.firstMs).toBe(START_MS);
  });

  test("ten lines are an excerpt, an hour of the loop is none", () => {
    const stats = "IP stats for Network Card 0 - total IPs: 32, assigned IPs: 3, cooldown IPs: 0";
    expect(digestOf(readLog(whole)).isExcerpt).toBe(true);
    const hour = Array.from({ length: 720 }, (_, n) => ERAS.json(stats, n * 5)).join("\n");
    expect(digestOf(readLog(hour)).isExcerpt).toBe(false);
  });
});

test("two EC2 messages with one request id are one failed call", () => {
  const error = `operation error EC2: CreateNetworkInterface, https response error StatusCode: 400, RequestID: 0a-1, api error InvalidParameterValue: There aren't sufficient free Ipv4 addresses or prefixes`;
  const log = [
    ERAS.json(`Failed to CreateNetworkInterface ${error} for subnet subnet-0aaa`, 0, "error"),
    ERAS.json(`Failed to increase pool size due to not able to allocate ENI AllocENI: ${error}`, 0, "error"),
  ];
  const errors = readLog(log.join("\n")).ec2Errors ?? [];
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatchObject({ api: "CreateNetworkInterface", subnetId: "subnet-0aaa" });
  expect(errors[0]?.occurrences.count).toBe(1);
});

test("lines without request id that tell of one failed call in other words within a second are one failed call", () => {
  const refusal = (api: string) =>
    `operation error EC2: ${api}, api error InsufficientCidrBlocks: The specified subnet does not have enough free cidr blocks to satisfy the request.`;
  const attempt = (second: number) => [
    ERAS.json(
      `Failed to allocate a private IP/Prefix addresses on ENI eni-0abc: ${refusal("AssignPrivateIpAddresses")}`,
      second,
      "error",
    ),
    ERAS.json(
      `failed to allocate all available IPv4 Prefixes on ENI eni-0abc, err: ${refusal("AssignPrivateIpAddresses")}`,
      second,
      "warn",
    ),
    ERAS.json(
      `Failed to allocate a private IP/Prefix addresses on ENI eni-0abc: ${refusal("AssignPrivateIpAddresses")}`,
      second,
      "error",
    ),
    ERAS.json(
      `Failed to CreateNetworkInterface ${refusal("CreateNetworkInterface")} for subnet subnet-0aaa`,
      second,
      "error",
    ),
    ERAS.json(
      `Failed to increase pool size due to not able to allocate ENI ${refusal("CreateNetworkInterface")}`,
      second,
      "error",
    ),
    ERAS.json(`Error trying to allocate ENI: ${refusal("CreateNetworkInterface")}`, second),
  ];
  const errors = readLog([...attempt(0), ...attempt(120)].join("\n")).ec2Errors ?? [];
  expect(errors.map((one) => [one.api, one.subnetId, one.occurrences.count])).toEqual([
    ["AssignPrivateIpAddresses", undefined, 4],
    ["CreateNetworkInterface", "subnet-0aaa", 2],
  ]);
  // Words alone, where the first line was cut away, are told too.
  const tail = attempt(0).slice(4).join("\n");
  expect((readLog(tail).ec2Errors ?? []).map((one) => one.occurrences.count)).toEqual([1]);
});

test("an endpoint that does not answer is an error without a code of EC2", () => {
  const timeout =
    'RequestError: send request failed caused by: Post "https://ec2.us-west-2.amazonaws.com/": dial tcp 10.0.0.9:443: i/o timeout';
  expect(readLog(ERAS.json(timeout)).ec2Errors).toMatchObject([{ code: "Timeout" }]);
  const metadata = 'Get "http://169.254.169.254/latest": dial tcp 169.254.169.254:80: i/o timeout';
  expect(readLog(ERAS.json(metadata)).ec2Errors).toEqual([]);
});

describe("whatever comes", () => {
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc
      .array(
        fc.oneof(
          fc.constantFrom(...MESSAGES.map(([message]) => ERAS.json(message))),
          fc.constantFrom(...MESSAGES.map(([message]) => ERAS["text-ms"](message))),
          fc.constantFrom(
            "```",
            "> ",
            "",
            "\r",
            '{"level":"',
            '"msg":"\\',
            "\tstatus code: 400, request id: a",
            "é🦊\u0000",
          ),
          fc.string({ maxLength: 60 }),
        ),
        { maxLength: 20 },
      )
      .map((lines) => new TextEncoder().encode(lines.join("\n"))),
  );

  test("nothing throws, and the cuts between chunks do not show", () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 1, max: 90 }), (bytes, chunk) => {
        expect(readLog(bytes, { chunk })).toEqual(readLog(bytes));
      }),
      { numRuns: 400 },
    );
    // A second of work on a machine of its own.
  }, 30_000);

  test("a buffer that its owner fills again leaves no trace", () => {
    const text = Array.from({ length: 40 }, (_, n) => ERAS.json("DataStore has no available IP addresses", n)).join(
      "\n",
    );
    const bytes = new TextEncoder().encode(`${text}\n`);
    const reader = createLogReader({ node: "node-1" });
    reader.begin("ipamd.log");
    const buffer = new Uint8Array(700);
    for (let at = 0; at < bytes.length; at += buffer.length) {
      const piece = bytes.subarray(at, at + buffer.length);
      buffer.fill(0x23);
      buffer.set(piece);
      reader.push(buffer.subarray(0, piece.length));
    }
    expect(reader.end()).toEqual(readLog(bytes));
  });

  test("a line without end is bounded", () => {
    const part = readLog(new Uint8Array(3_000_000).fill(0x61), { chunk: 65_536 });
    expect(digestOf(part).lineCount).toBe(1);
  });
});
