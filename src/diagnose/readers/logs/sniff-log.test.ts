import { expect, test } from "bun:test";
import { looksLikeLog } from "./index.ts";
import { ERAS } from "./testing/read-log.ts";

const kindOf = (head: string) => looksLikeLog({ path: "x", head, isWhole: true });

test.each([
  ["ipamd", ERAS.json("Starting L-IPAMD v1.18.3  ...")],
  ["ipamd", ERAS["text-ms"]("DataStore has no available IP addresses")],
  ["ipamd", `${ERAS["text-s"]("x")}\n${ERAS["text-s"]("y")}`],
  [
    "plugin",
    ERAS.json("Received CNI add request: ContainerID(ab)").replace("ipamd/ipamd.go", "routed-eni-cni-plugin/cni.go"),
  ],
  ["container", 'time="2024-01-02T03:04:05Z" level=info msg="Starting IPAM daemon... "'],
  ["container", "=====Starting installing AWS-CNI =========\nchecking for IPAM connectivity ...  failed."],
  [
    "kubelet",
    'Jan  2 03:04:05 ip-10-0-1-2 kubelet[42]: E0102 03:04:05.678901 4321 pod_workers.go:190] "Error syncing pod"',
  ],
  ["excerpt", '"errorCode": "Client.InsufficientFreeAddressesInSubnet",'],
  ["excerpt", "See:\n```\n2019-03-22T16:12:20Z [ERROR] InvalidNetworkInterfaceID.NotFound: x\n```\n"],
  ["excerpt", "My pods hang.\n```\nfailed to assign an IP address to container\n```\n"],
] as const)("%s: %s", (kind, head) => {
  expect(kindOf(head)).toBe(kind);
});

test.each([
  ["binary", "\u0000\u0001aws-node"],
  ["a manifest", "apiVersion: apps/v1\nkind: DaemonSet\nmetadata:\n  name: aws-node\n"],
  [
    "an answer of EC2",
    '{\n  "NetworkInterfaces": [ { "NetworkInterfaceId": "eni-0abc", "Description": "aws-K8S-i-0abc" } ] }',
  ],
  [
    "metrics",
    "# HELP awscni_total_ip_addresses total\n# TYPE awscni_total_ip_addresses gauge\nawscni_total_ip_addresses 3\n",
  ],
  ["a code of EC2's in another tool's words", "couldn't find subnets: UnauthorizedOperation: status code: 403\n"],
  ["a shopping list", "milk\nbread\n"],
  ["nothing", ""],
])("%s is no log", (_, head) => {
  expect(kindOf(head)).toBeUndefined();
});
