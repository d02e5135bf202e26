import { transportSuite } from "../suite/transport.ts"
import { asTwoThreads } from "../support/as-two-threads.ts"
import { transport } from "../support/transports.ts"

asTwoThreads()
transportSuite(() => transport("inproc"), { name: ", between threads", server: {}, client: {}, userId: undefined })
