import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { EventFact } from "../../facts/model.ts";
import { eventSightings } from "./event-sightings.ts";

const event = (given: Partial<EventFact>): EventFact => ({
  reason: "FailedCreatePodSandBox",
  message: "add cmd: failed to assign an IP address to container",
  objectKind: "Pod",
  namespace: "shop",
  name: "web-1",
  node: "n1",
  count: 1,
  at: { file: "events.json", line: 1 },
  ...given,
});

describe("signals in events", () => {
  test("an event of 45 counts as 45, with its first and last time, its node and pod", () => {
    const { sightings } = eventSightings([event({ count: 45, firstMs: 1000, lastMs: 9000 })]);
    expect(sightings).toEqual([
      {
        signal: "add-refused",
        node: "n1",
        pod: "shop/web-1",
        captures: {},
        occurrences: {
          count: 45,
          firstMs: 1000,
          lastMs: 9000,
          samples: [
            {
              source: { file: "events.json", line: 1 },
              text: "Pod shop/web-1: FailedCreatePodSandBox: add cmd: failed to assign an IP address to container",
            },
          ],
        },
      },
    ]);
  });

  test("the reason counts too", () => {
    const { sightings } = eventSightings([
      event({
        reason: "MissingIAMPermissions",
        message: "Unauthorized operation: failed to call ec2:CreateTags due to missing permissions.",
      }),
    ]);
    expect(sightings).toMatchObject([{ signal: "missing-iam-event", captures: { action: "CreateTags" } }]);
  });

  test("the same series in two files counts once, by the file that tells most of it", () => {
    const twice = [event({ count: 12 }), event({ count: 9, at: { file: "describe.txt", line: 40 } })];
    expect(eventSightings(twice).sightings?.map((one) => one.occurrences.count)).toEqual([12]);
  });

  test("of two files that tell the same number, the one with times counts", () => {
    const both = [event({ count: 3, at: { file: "describe.txt", line: 40 } }), event({ count: 3, lastMs: 9000 })];
    expect(eventSightings(both).sightings?.map((one) => one.occurrences.lastMs)).toEqual([9000]);
  });

  test("two series of one file count both", () => {
    expect(eventSightings([event({ count: 12 }), event({ count: 9 })]).sightings?.[0]?.occurrences.count).toBe(21);
  });

  test("events that a log reader found in its own lines are not told again", () => {
    expect(eventSightings([event({ isOfLog: true })])).toEqual({ sightings: [], ec2Errors: [] });
  });

  test("how long a series lasted is kept where only ages are known", () => {
    const combined = event({ message: "(combined from similar events): x", count: 45, overMs: 720_000 });
    expect(eventSightings([combined]).sightings).toMatchObject([
      { signal: "mass-combined", captures: { count: "45", over: "720s" } },
    ]);
  });

  test("ten thousand pods are a bounded list; every event is counted", () => {
    const many = Array.from({ length: 10_000 }, (_, index) => event({ name: `web-${index}` }));
    const { sightings = [] } = eventSightings(many);
    expect(sightings.length).toBeLessThanOrEqual(257);
    expect(sightings.reduce((sum, one) => sum + one.occurrences.count, 0)).toBe(10_000);
    expect(Math.max(...sightings.map((one) => one.occurrences.samples.length))).toBe(5);
  });
});

test("a refused EC2 call in a message is an EC2 error of that node", () => {
  const message =
    "operation error EC2: AssignPrivateIpAddresses, https response error StatusCode: 400, RequestID: 0a, api error InsufficientCidrBlocks: The specified subnet does not have enough free cidr blocks to satisfy the request.";
  expect(eventSightings([event({ message, count: 3 })]).ec2Errors).toMatchObject([
    { api: "AssignPrivateIpAddresses", code: "InsufficientCidrBlocks", node: "n1", occurrences: { count: 3 } },
  ]);
});

test("no message throws", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (reason, message) => {
      expect(eventSightings([event({ reason, message })]).sightings).toBeDefined();
    }),
  );
});
