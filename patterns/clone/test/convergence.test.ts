// Random changes by several clients, with servers and connections lost in between: in the end everybody has the same.

import { CloneClient, type CloneServer } from "brokerless/patterns/clone"
import { describe, expect, it } from "vitest"
import { FaultProxy } from "../../../test/support/fault-proxy.ts"
import { Random } from "../../../test/support/random.ts"
import { until } from "../../../test/support/until.ts"
import { Stage, tableOf } from "./stage.ts"
