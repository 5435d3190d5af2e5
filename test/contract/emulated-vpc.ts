// An emulated VPC with a server of its own for contract tests, and the official SDK as its client. The client is given
// endpoint, keys, region and retry settings, so that nothing of the environment counts.

import { EC2Client, type EC2ClientConfig } from "@aws-sdk/client-ec2";
import { Prng } from "../../src/base/prng.ts";
import { parseKnobs } from "../../src/catalog/emulator-knobs.ts";
import { ACTIONS } from "../../src/emulator/actions/index.ts";
import { Vpc, type WorldDescription } from "../../src/emulator/model/index.ts";
import { defaultWorld } from "../../src/emulator/server/default-world.ts";
import { type RunningEmulator, startEmulator } from "../../src/emulator/server/index.ts";
import { ManualClock, START_WALL_MS } from "./manual-clock.ts";

export interface EmulatedVpc {
  readonly vpc: Vpc;
  readonly clock: ManualClock;
  readonly emulator: RunningEmulator;
  /** The SDK's client; closed with the rest. */
  client(config?: EC2ClientConfig): EC2Client;
  close(): Promise<void>;
}

export async function startEmulatedVpc(
  options: { readonly world?: WorldDescription; readonly knobs?: Readonly<Record<string, unknown>> } = {},
): Promise<EmulatedVpc> {
  const { knobs, errors } = parseKnobs({ latency: "none", throttling: "off", ...options.knobs });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const clock = new ManualClock({ isSkipping: true });
  const world = options.world ?? defaultWorld(START_WALL_MS);
  const vpc = new Vpc({ world, knobs, prng: new Prng(1), actions: ACTIONS });
  const emulator = await startEmulator({ vpc, clock, listen: { host: "127.0.0.1", port: 0 } });
  const clients: EC2Client[] = [];
  return {
    vpc,
    clock,
    emulator,
    client(config = {}) {
      const client = new EC2Client({
        endpoint: emulator.ec2Url,
        region: "us-west-2",
        credentials: { accessKeyId: "AKIAEMULATED", secretAccessKey: "emulated" },
        retryMode: "standard",
        maxAttempts: 3,
        ...config,
      });
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.destroy();
      await emulator.close();
    },
  };
}
