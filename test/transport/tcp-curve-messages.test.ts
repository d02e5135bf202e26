import { curve, curveKeyPair, curveServer } from "brokerless/curve"
import { transportSuite } from "../suite/transport.ts"
import { transport } from "../support/transports.ts"

const server = curveKeyPair()
const client = curveKeyPair()

transportSuite(() => transport("tcp"), {
  name: ", under CURVE",
  server: { security: curveServer({ ...server, allow: [client.publicKey] }) },
  client: { security: curve({ serverKey: server.publicKey, ...client }) },
  userId: client.publicKey,
})
