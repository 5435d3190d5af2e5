// Steps sent through the SDK: the operation's name picks the command class.

import * as ec2 from "@aws-sdk/client-ec2";
import type { Replies, Step } from "./ec2-sequence.ts";
import type { EmulatedVpc } from "./emulated-vpc.ts";

type CommandClass = new (input: unknown) => Parameters<ec2.EC2Client["send"]>[0];

/** Sends the steps in order; the replies by step name. Rejects with the first refusal. */
export async function sendBySdk(vpc: EmulatedVpc, steps: readonly Step[]): Promise<Replies> {
  const client = vpc.client();
  const replies = new Map<string, unknown>();
  for (const step of steps) {
    const Command = (ec2 as unknown as Readonly<Record<string, CommandClass>>)[`${step.operation}Command`];
    if (Command === undefined) throw new Error(`the SDK has no ${step.operation}Command`);
    replies.set(step.name, await client.send(new Command(step.input(replies))));
  }
  return replies;
}
