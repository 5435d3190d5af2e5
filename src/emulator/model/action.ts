// What an action is to the model: a way to check the shape of its parameters, and what to run then.

import type { ReplyTree } from "./types.ts";
import type { World } from "./world.ts";

export interface PreparedCall {
  readonly isDryRun: boolean;
  /** A repeated call with the same token and parameters gets the first answer again. */
  readonly clientToken: string | undefined;
  /** How many resources the call takes or names, for resource-rate buckets. */
  readonly resourceCount: number;
  /** Checks existence, state, limits and space, then changes the world: all of it or, by a `Refusal`, nothing. */
  run(world: World): ReplyTree;
}

export interface ActionDefinition {
  readonly name: string;
  readonly isMutating: boolean;
  /** Throws a `Refusal` when the parameters are not what the action takes. */
  prepare(params: ReadonlyMap<string, string>): PreparedCall;
}

export type ActionTable = ReadonlyMap<string, ActionDefinition>;
