// The messages on the wire, against bytes written by hand from the reference's field numbers (ipamd.md 9.1).

import { expect, test } from "bun:test";
import { cniBackend, health } from "./services.ts";

test("[ipamd 9.1] an ADD carries its texts under the reference's field numbers", () => {
  const bytes = cniBackend["AddNetwork"]!.requestSerialize({
    K8S_POD_NAME: "p",
    K8S_POD_NAMESPACE: "n",
    K8S_POD_INFRA_CONTAINER_ID: "s",
    IfName: "eth0",
    NetworkName: "aws-cni",
    ContainerID: "s",
    ClientVersion: "v",
  });
  expect(bytes.toString("hex")).toBe(
    "0a0170" + "12016e" + "1a0173" + "2a0465746830" + "32076177732d636e69" + "3a0173" + "420176",
  );
});

test("a reply: success and the first address; unknown fields are passed over", () => {
  const address = Buffer.from("10.0.0.16");
  const metadata = Buffer.concat([Buffer.from([10, address.length]), address, Buffer.from([24, 1, 32, 254, 1])]);
  const head = Buffer.from([8, 1, 18, metadata.length]);
  const decode = cniBackend["AddNetwork"]!.responseDeserialize;
  const reply = decode(Buffer.concat([head, metadata, Buffer.from([40, 1, 93, 0, 0, 0, 0])]));
  const allocation = { IPv4Addr: "10.0.0.16", DeviceNumber: 1, RouteTableId: 254 };
  expect(reply).toMatchObject({ Success: true, UseExternalSNAT: true, IPAllocationMetadata: [allocation] });
  expect(decode(Buffer.alloc(0))).toMatchObject({ Success: false, IPAllocationMetadata: [] });
  expect(() => decode(Buffer.from([18, 200, 1]))).toThrow();
  expect(health["Check"]!.responseDeserialize(Buffer.from([8, 1]))).toMatchObject({ status: 1 });
});
