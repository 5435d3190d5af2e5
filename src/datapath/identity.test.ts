import { expect, test } from "bun:test";
import { aliasOf, namedBy } from "./identity.ts";
import { WEB } from "./testing/web-pod.ts";

test("an alias gives back the names that it was made of, as far as it holds them", () => {
  const { networkName, containerId, ifName, namespace, podName } = WEB;
  const attachment = { networkName, containerId, ifName };
  expect(namedBy(aliasOf(WEB))).toEqual({ attachment, namespace, podName });
  for (const network of ["a/b", "a b"]) {
    const named = namedBy(aliasOf({ ...WEB, networkName: network }));
    expect(named?.attachment).toEqual({ ...attachment, networkName: network });
  }
  const nameless = { attachment, namespace: "", podName: "" };
  for (const length of [240, 253]) expect(namedBy(aliasOf({ ...WEB, podName: "p".repeat(length) }))).toEqual(nameless);
  expect(namedBy(aliasOf({ ...WEB, namespace: "n".repeat(250) }))).toEqual(nameless);
  // What is cut before the pod's name begins, or is not what it was, does not tell whose it is.
  for (const containerId of ["c".repeat(300), "ö"]) expect(namedBy(aliasOf({ ...WEB, containerId }))).toBeUndefined();
  for (const alias of ["", "uplink of the node", "aws-cni/c1/eth0 default/web-0"])
    expect(namedBy(alias)).toBeUndefined();
});
