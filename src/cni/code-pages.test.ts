// Every problem and code has its page, and the plugin's own texts lead to it.

import { describe, expect, test } from "bun:test";
import { problemPages } from "../datapath/problem-pages.ts";
import { REASONS } from "../ipam/reasons.ts";
import { codePages, parseCniCode, readPluginError } from "./code-pages.ts";
import { CODES } from "./codes.ts";

test("every page says what, why and what to do", () => {
  expect(Object.keys(codePages).map(Number)).toEqual(Object.values(CODES));
  for (const page of [...Object.values(codePages), ...Object.values(problemPages)]) {
    for (const text of [page.what, page.why, page.next]) expect(text.length).toBeGreaterThan(20);
  }
});

test("a code is read as people write it, and no other number is one", () => {
  for (const text of ["112", "code 112", "CNI code 112", "cni error code 112", '"code": 112', '"code": 112,']) {
    expect(parseCniCode(text)).toBe(112);
  }
  for (const text of ["113 pods", "13", "1120", "", "code", "PD1011"]) expect(parseCniCode(text)).toBeUndefined();
});

describe("the word behind the plugin's text", () => {
  test.each([...REASONS])("%s", (reason) => {
    const text = `plugin type="aws-cni" failed (add): add cmd: failed to assign an IP address to container: ${reason}; Why.`;
    expect(readPluginError(text)).toEqual({ code: undefined, reason, problem: undefined });
  });

  test.each(Object.keys(problemPages))("%s", (problem) => {
    const text = `failed (add): add command: failed to setup network: network-setup-failed (${problem})`;
    expect(readPluginError(text)).toEqual({ code: undefined, reason: "network-setup-failed", problem });
  });

  test("is not taken from the reference's, nor from other programs' lines", () => {
    for (const text of [
      "add cmd: failed to assign an IP address to container",
      "add command: failed to setup network",
      "failed to setup network for sandbox abc: plugin failed",
      "dial unix /run/containerd.sock: connect: connection refused",
    ]) {
      expect(readPluginError(text)?.reason).not.toBe("network-setup-failed");
      expect(readPluginError(text)?.code).toBeUndefined();
    }
  });
});
