import { expect, test } from "bun:test";
import { parseReason, REASONS, reasonPages } from "./reasons.ts";

test("each reason has a page of whole sentences, and names classes to look for", () => {
  for (const reason of REASONS) {
    const page = reasonPages[reason];
    for (const text of [page.what, page.why, page.next]) expect(text).toMatch(/^[A-Z].*\.$/);
    expect(page.candidateClasses.length).toBeGreaterThan(0);
    for (const name of page.candidateClasses) expect(name).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)+$/);
    expect(parseReason(reason)).toBe(reason);
  }
  expect(parseReason("Starting")).toBeUndefined();
});

test("the words are permanent", () => {
  expect(REASONS.join(" ")).toBe(
    "starting stopping pool-growing cooling subnet-fragmented subnet-exhausted eni-limit slot-limit max-pods frozen-settings node-cordoned provisioning-off throttled unauthorized metadata-unavailable ec2-unreachable eniconfig-missing no-eligible-subnet eni-quota branch-eni-not-ready network-setup-failed checkpoint-unreadable checkpoint-unwritable ec2-refused invalid-request",
  );
});
