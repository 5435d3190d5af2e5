import { afterAll, expect, test } from "bun:test";
import { formatIpv4, parseIpv4 } from "../base/ipv4.ts";
import { ec2Sdk } from "./ec2-sdk.ts";

process.env["AWS_ACCESS_KEY_ID"] = "test";
process.env["AWS_SECRET_ACCESS_KEY"] = "test";

type Answer = (form: URLSearchParams) => Response | Promise<Response>;
let answer: Answer = () => new Response("", { status: 500 });
const seen: { form: URLSearchParams; userAgent: string }[] = [];

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    const form = new URLSearchParams(await request.text());
    seen.push({ form, userAgent: request.headers.get("user-agent") ?? "" });
    return answer(form);
  },
});
afterAll(() => server.stop(true));

const ec2 = ec2Sdk({ region: "us-west-2", endpoint: `http://127.0.0.1:${server.port}`, version: "9.9.9" });

function xml(action: string, body: string): Response {
  return new Response(
    `<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">${body}</${action}Response>`,
    {
      headers: { "content-type": "text/xml" },
    },
  );
}

function refusal(code: string, message: string, status: number): Response {
  const text = `<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>r</RequestID></Response>`;
  return new Response(text, { status, headers: { "content-type": "text/xml" } });
}

function eniXml(eniId: string): string {
  return `<networkInterfaceId>${eniId}</networkInterfaceId><subnetId>subnet-1</subnetId><status>in-use</status><interfaceType>trunk</interfaceType>
    <description>d</description><privateIpAddress>10.0.0.5</privateIpAddress>
    <attachment><attachmentId>eni-attach-1</attachmentId><instanceId>i-1</instanceId><deviceIndex>1</deviceIndex><deleteOnTermination>true</deleteOnTermination></attachment>
    <tagSet><item><key>k</key><value>v</value></item></tagSet>
    <privateIpAddressesSet><item><privateIpAddress>10.0.0.5</privateIpAddress><primary>true</primary></item><item><privateIpAddress>10.0.0.9</privateIpAddress><primary>false</primary></item></privateIpAddressesSet>
    <ipv4PrefixSet><item><ipv4Prefix>10.0.0.16/28</ipv4Prefix></item></ipv4PrefixSet>`;
}

const CALL = { timeoutMs: 5_000 };

test("a prefix request asks for prefixes, an address request for addresses, and the answer is what was assigned [ipamd 8.1]", async () => {
  answer = () =>
    xml(
      "AssignPrivateIpAddresses",
      "<assignedIpv4PrefixSet><item><ipv4Prefix>10.0.0.32/28</ipv4Prefix></item></assignedIpv4PrefixSet><assignedPrivateIpAddressesSet><item><privateIpAddress>10.0.0.7</privateIpAddress></item></assignedPrivateIpAddressesSet>",
    );
  const outcome = await ec2.call(
    { action: "AssignPrivateIpAddresses", eniId: "eni-1", prefixCount: 2, addressCount: 0 },
    CALL,
  );
  expect(seen.at(-1)?.form.get("Ipv4PrefixCount")).toBe("2");
  expect(seen.at(-1)?.form.get("SecondaryPrivateIpAddressCount")).toBeNull();
  expect(seen.at(-1)?.userAgent).toContain("slash28/9.9.9");
  expect(outcome).toEqual({
    kind: "done",
    answer: { prefixes: [parseIpv4("10.0.0.32")!], addresses: [parseIpv4("10.0.0.7")!] },
  });
  await ec2.call({ action: "AssignPrivateIpAddresses", eniId: "eni-1", prefixCount: 0, addressCount: 9 }, CALL);
  expect(seen.at(-1)?.form.get("SecondaryPrivateIpAddressCount")).toBe("9");
  expect(seen.at(-1)?.form.get("Ipv4PrefixCount")).toBeNull();
});

test("a created ENI carries description, groups, tags and client token [ipamd 8.1, 8.5]", async () => {
  answer = () => xml("CreateNetworkInterface", `<networkInterface>${eniXml("eni-2")}</networkInterface>`);
  const outcome = await ec2.call(
    {
      action: "CreateNetworkInterface",
      subnetId: "subnet-1",
      securityGroupIds: ["sg-1", "sg-2"],
      description: "aws-K8S-i-1",
      prefixCount: 1,
      addressCount: 0,
      tags: [{ key: "node.k8s.amazonaws.com/instance_id", value: "i-1" }],
      clientToken: "i-1-b-1",
    },
    CALL,
  );
  const form = seen.at(-1)!.form;
  expect(Object.fromEntries(form)).toMatchObject({
    Action: "CreateNetworkInterface",
    SubnetId: "subnet-1",
    "SecurityGroupId.1": "sg-1",
    "SecurityGroupId.2": "sg-2",
    Description: "aws-K8S-i-1",
    Ipv4PrefixCount: "1",
    "TagSpecification.1.ResourceType": "network-interface",
    "TagSpecification.1.Tag.1.Key": "node.k8s.amazonaws.com/instance_id",
    ClientToken: "i-1-b-1",
  });
  const eni = outcome.kind === "done" ? outcome.answer.enis?.[0] : undefined;
  expect(eni).toMatchObject({ eniId: "eni-2", interfaceType: "trunk", deviceNumber: 1, deleteOnTermination: true });
  expect(eni?.addresses.map(formatIpv4)).toEqual(["10.0.0.9"]);
  expect(eni?.prefixes.map(formatIpv4)).toEqual(["10.0.0.16"]);
  expect(eni?.tags).toEqual([{ key: "k", value: "v" }]);
});

test("the leaked-ENI list follows its pages and filters as the reference does [ipamd 6.6, 8.1]", async () => {
  answer = (form) => {
    const token = form.get("NextToken");
    const next = token === null ? "<nextToken>t1</nextToken>" : "";
    return xml(
      "DescribeNetworkInterfaces",
      `<networkInterfaceSet><item>${eniXml(token === null ? "eni-a" : "eni-b")}</item></networkInterfaceSet>${next}`,
    );
  };
  const outcome = await ec2.call(
    { action: "DescribeLeakedNetworkInterfaces", vpcId: "vpc-1", clusterName: "c1" },
    CALL,
  );
  expect(outcome.kind === "done" && outcome.answer.enis?.map((eni) => eni.eniId)).toEqual(["eni-a", "eni-b"]);
  const form = Object.fromEntries(seen.at(-1)!.form);
  expect(form).toMatchObject({
    MaxResults: "1000",
    NextToken: "t1",
    "Filter.4.Name": "tag:cluster.k8s.amazonaws.com/name",
  });
});

test("one call is one request: throttling comes back with its class, not retried [design 1]", async () => {
  answer = () => refusal("RequestLimitExceeded", "Request limit exceeded.", 503);
  const before = seen.length;
  const outcome = await ec2.call({ action: "DeleteNetworkInterface", eniId: "eni-1" }, CALL);
  expect(seen.length - before).toBe(1);
  expect(outcome).toEqual({
    kind: "refused",
    errorClass: "throttled",
    awsCode: "RequestLimitExceeded",
    message: "Request limit exceeded.",
  });
});

test("EC2's code and text stay beside our class", async () => {
  const cases: [string, string, string][] = [
    [
      "InsufficientCidrBlocks",
      "The specified subnet does not have enough free cidr blocks to satisfy the request.",
      "exhausted",
    ],
    ["InvalidParameterValue", "There aren&apos;t sufficient free Ipv4 addresses or prefixes", "exhausted"],
    ["UnauthorizedOperation", "You are not authorized", "denied"],
    ["InvalidNetworkInterfaceID.NotFound", "The networkInterface ID 'eni-1' does not exist", "notFound"],
    ["PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.", "limit"],
  ];
  for (const [code, message, errorClass] of cases) {
    answer = () => refusal(code, message, 400);
    const outcome = await ec2.call(
      { action: "AssignPrivateIpAddresses", eniId: "eni-1", prefixCount: 1, addressCount: 0 },
      CALL,
    );
    expect(outcome).toMatchObject({ kind: "refused", awsCode: code, errorClass });
  }
});

test("no answer by the deadline, a dropped connection and a closed port are lost calls, never exceptions", async () => {
  answer = () => new Promise(() => {});
  const startedMs = performance.now();
  const late = await ec2.call({ action: "DescribeInstances", instanceId: "i-1" }, { timeoutMs: 80 });
  expect(late).toMatchObject({ kind: "refused", errorClass: "lost" });
  expect(performance.now() - startedMs).toBeLessThan(3_000);

  const port = (() => {
    const closed = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("") });
    const { port } = closed;
    closed.stop(true);
    return port;
  })();
  const away = ec2Sdk({ region: "us-west-2", endpoint: `http://127.0.0.1:${port}`, version: "1" });
  expect(await away.call({ action: "DescribeInstances", instanceId: "i-1" }, CALL)).toMatchObject({
    kind: "refused",
    errorClass: "lost",
  });
});

test("an answer that is not EC2's does not throw", async () => {
  for (const body of ["", "not xml", "<html><body>proxy</body></html>", "<a><b></a>"]) {
    for (const status of [200, 400, 502]) {
      answer = () => new Response(body, { status });
      const outcome = await ec2.call({ action: "DescribeInstances", instanceId: "i-1" }, CALL);
      expect(["done", "refused"]).toContain(outcome.kind);
    }
  }
});

test("device indexes of the default card are read, those of further cards are not [ipamd 8.1]", async () => {
  const item = (index: number, card: string) =>
    `<item><networkInterfaceId>eni-${index}</networkInterfaceId><attachment><deviceIndex>${index}</deviceIndex>${card}</attachment></item>`;
  answer = () =>
    xml(
      "DescribeInstances",
      `<reservationSet><item><instancesSet><item><networkInterfaceSet>${item(0, "")}${item(2, "<networkCardIndex>0</networkCardIndex>")}${item(1, "<networkCardIndex>1</networkCardIndex>")}</networkInterfaceSet></item></instancesSet></item></reservationSet>`,
    );
  const outcome = await ec2.call({ action: "DescribeInstances", instanceId: "i-1" }, CALL);
  expect(outcome).toEqual({ kind: "done", answer: { deviceIndexes: [0, 2] } });
});

test("limits of a type that the table lacks come from EC2; none is an error that names the type [ipamd 1.2.4]", async () => {
  answer = () =>
    xml(
      "DescribeInstanceTypes",
      "<instanceTypeSet><item><instanceType>z9.large</instanceType><hypervisor>nitro</hypervisor><networkInfo><maximumNetworkInterfaces>4</maximumNetworkInterfaces><ipv4AddressesPerInterface>15</ipv4AddressesPerInterface></networkInfo></item></instanceTypeSet>",
    );
  expect(await ec2.instanceTypeLimits("z9.large")).toEqual({ eniCountMax: 4, ipv4PerEni: 15, supportsPrefixes: true });
  answer = () => xml("DescribeInstanceTypes", "<instanceTypeSet/>");
  await expect(ec2.instanceTypeLimits("z9.large")).rejects.toThrow("z9.large");
});

test("a region that has to be asked for is asked for by the first call, again when that failed, and then no more", async () => {
  let askedCount = 0;
  const lazy = ec2Sdk({
    region: async () => {
      askedCount++;
      if (askedCount === 1) throw new Error("no metadata yet");
      return "eu-west-1";
    },
    endpoint: `http://127.0.0.1:${server.port}`,
    version: "1",
  });
  expect(askedCount).toBe(0);
  answer = () => xml("DescribeNetworkInterfaces", "<networkInterfaceSet/>");
  const intention = { action: "DescribeNetworkInterfaces", eniIds: ["eni-1"] } as const;
  expect(await lazy.call(intention, CALL)).toMatchObject({ kind: "refused", message: "no metadata yet" });
  for (let i = 0; i < 3; i++) expect(await lazy.call(intention, CALL)).toMatchObject({ kind: "done" });
  expect(askedCount).toBe(2);
});
