import { transportSuite } from "../suite/transport.ts"
import { transport } from "../support/transports.ts"

transportSuite(() => transport("inproc"))
