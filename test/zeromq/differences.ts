// Every deliberate difference from the `zeromq` package, why it is one, and what proves it: lines of the scenarios that
// run with both, or a test of its own. The table of docs/migrating-from-zeromq.md is this one.

/** Lines that one scenario prints with `zeromq`, and what it prints in their place with ours. */
export interface Lines {
  /** `file.scenario` of test/programs/zeromq/. */
  readonly scenario: string
  readonly theirs: readonly string[]
  readonly ours: readonly string[]
}

/** A test that shows what no transcript can. */
export interface OwnTest {
  readonly file: string
  readonly title: string
}

export interface Difference {
  readonly what: string
  readonly theirs: string
  readonly ours: string
  readonly why: string
  readonly shown: readonly (Lines | OwnTest)[]
}

const KEYS = 'Error "Invalid argument" EINVAL 22'

/** The table of the migration guide. */
export function tableOf(differences: readonly Difference[]): string {
  const rows = differences.map(({ what, theirs, ours, why }) => `| ${what} | ${theirs} | ${ours} | ${why} |`)
  return ["| what | in `zeromq` | here | why |", "|---|---|---|---|", ...rows].join("\n")
}

export const DIFFERENCES: readonly Difference[] = [
  {
    what: "transports `ws`, `tipc`",
    theirs: "in some builds",
    ours: "`EPROTONOSUPPORT`, as builds without them say, and so does `capability`",
    why: "not written",
    shown: [
      { scenario: "differing.otherTransports", theirs: ["tipc true"], ours: ["tipc false"] },
      {
        scenario: "differing.otherTransports",
        theirs: ["ws gives undefined"],
        ours: ['ws throws Error "Protocol not supported" EPROTONOSUPPORT 93 ws://127.0.0.1:1'],
      },
      {
        scenario: "differing.otherTransports",
        theirs: ['tipc throws Error "Operation was not possible or timed out" EAGAIN 11 tipc://127.0.0.1:1'],
        ours: ['tipc throws Error "Protocol not supported" EPROTONOSUPPORT 93 tipc://127.0.0.1:1'],
      },
    ],
  },
  {
    what: "calling a class without `new`",
    theirs: "\"Class constructors cannot be invoked without 'new'\", but for the types of sockets",
    ours: "the text names the class",
    why: "they are classes of JavaScript",
    shown: [
      {
        scenario: "differing.withoutNew",
        theirs: ["Socket", "Context", "Proxy", "Observer"].map(
          (name) => `${name} throws TypeError "Class constructors cannot be invoked without 'new'"`,
        ),
        ours: ["Socket", "Context", "Proxy", "Observer"].map(
          (name) => `${name} throws TypeError "Class constructor ${name} cannot be invoked without 'new'"`,
        ),
      },
    ],
  },
  {
    what: "`connect` to a port above 65535, and to port 0",
    theirs: "taken modulo 65536; never connects",
    ours: "`EINVAL`",
    why: "nobody means that",
    shown: [
      {
        scenario: "differing.ports",
        theirs: ["connect to 65537 gives undefined", "connect to 0 gives undefined"],
        ours: [`connect to 65537 throws ${KEYS} tcp://127.0.0.1:PORT`, `connect to 0 throws ${KEYS} tcp://127.0.0.1:0`],
      },
    ],
  },
  {
    what: "addresses in the odd notations of `inet_aton`, such as `127.1` and `0177.0.0.1`",
    theirs: "are taken",
    ours: "`EINVAL`",
    why: "not everybody reads them alike: as `127.0.0.1`, or as `177.0.0.1`",
    shown: ["127.1", "0x7f.0.0.1", "0177.0.0.1"].map((host) => ({
      scenario: "differing.oddHosts",
      theirs: [`bind ${host} resolves to undefined`, `connect ${host} gives undefined`],
      ours: [`bind ${host} rejects with ${KEYS} tcp://${host}:*`, `connect ${host} throws ${KEYS} tcp://${host}:PORT`],
    })),
  },
  {
    what: "`unbindSync`",
    theirs: "binds",
    ours: "unbinds",
    why: "a mistake there",
    shown: [
      {
        scenario: "differing.unbindSync",
        theirs: [
          'unbindSync throws Error "Address already in use" EADDRINUSE 98 tcp://127.0.0.1:PORT',
          "free false",
          "what was never bound gives undefined",
        ],
        ours: [
          "unbindSync gives undefined",
          "free true",
          'what was never bound throws Error "No such endpoint" ENOENT 2 inproc://never-bound',
        ],
      },
    ],
  },
  {
    what: "`Proxy.pause()`",
    theirs: "changes nothing, and `resume()` pauses",
    ours: "pauses; what comes waits in the sockets until `resume()`",
    why: "a mistake of libzmq 4.3.5",
    shown: [{ scenario: "differing.pausedProxy", theirs: ["paused undefined"], ours: ["paused EAGAIN"] }],
  },
  {
    what: "ipc path of a living server",
    theirs: "is taken over",
    ours: "`EADDRINUSE`",
    why: "nobody loses an endpoint to a newcomer",
    shown: [
      {
        scenario: "differing.pathOfALivingServer",
        theirs: ["bind resolves to undefined", "bindSync gives undefined"],
        ours: [
          'bind rejects with Error "Address already in use" EADDRINUSE 98 ipc://CHOSEN',
          'bindSync throws Error "Address already in use" EADDRINUSE 98 ipc://CHOSEN',
        ],
      },
    ],
  },
  {
    what: "`ipc://*`",
    theirs: "a relative path in the working directory, unless the environment names one for temporary files",
    ours: "an absolute one in the directory for temporary files",
    why: "a process may change its working directory",
    shown: [{ scenario: "differing.chosenPath", theirs: ["absolute false"], ours: ["absolute true"] }],
  },
  {
    what: "`bindSync` to an inproc name of a thread that was terminated a moment ago",
    theirs: "binds",
    ours: "`EADDRINUSE` once, and binds when tried again; `bind` binds at once",
    why: "whether a thread lives is told by an event only",
    shown: [
      {
        file: "test/transport/at-once.test.ts",
        title: "that another thread has is refused at once, and free soon after that thread was terminated",
      },
    ],
  },
  {
    what: "wait before reconnecting",
    theirs: "the interval, and up to as much again",
    ours: "up to the interval, at random",
    why: "so many clients do not come back at once",
    shown: [
      {
        scenario: "differing.waitBeforeReconnecting",
        theirs: ["at least the interval true", "at most the interval false"],
        ours: ["at least the interval false", "at most the interval true"],
      },
    ],
  },
  {
    what: "`maxMessageSize`, `heartbeatInterval` and the like, set after a connect",
    theirs: "for endpoints to come",
    ours: "from the next bind or connect on also for connections that earlier endpoints make again",
    why: "options are those of a socket",
    shown: [
      {
        scenario: "differing.afterALimitWasSet",
        theirs: ['over the limit resolves to ["longer than that"]'],
        ours: ['over the limit rejects with Error "Operation was not possible or timed out" EAGAIN 11'],
      },
    ],
  },
  {
    what: "`correlate`, `noDrop`, `manual`, `invertMatching`",
    theirs: "at any time",
    ours: "until the first bind, connect, send or receive; later they are kept and change nothing",
    why: "a socket is made for one of the two ways",
    shown: [
      { scenario: "differing.correlateSetLater", theirs: ["frames 4"], ours: ["frames 3"] },
      { scenario: "differing.invertedLater", theirs: ['first ["does not"]'], ours: ['first ["x matches"]'] },
    ],
  },
  {
    what: "keys of CURVE that do not belong together, or are missing",
    theirs: "handshakes fail",
    ours: "`EINVAL` at bind or connect",
    why: "said where it can be mended",
    shown: [
      {
        scenario: "differing.keysThatAreMissing",
        theirs: [
          "bind without a secret key resolves to undefined",
          "connect without own keys gives undefined",
          "connect with keys of two pairs gives undefined",
        ],
        ours: [
          `bind without a secret key rejects with ${KEYS} tcp://127.0.0.1:*`,
          `connect without own keys throws ${KEYS} tcp://127.0.0.1:1`,
          `connect with keys of two pairs throws ${KEYS} tcp://127.0.0.1:1`,
        ],
      },
    ],
  },
  {
    what: "a server of PLAIN that refuses by a well-spelt ERROR",
    theirs: "`ERR_ZMTP_UNEXPECTED_COMMAND`",
    ours: "`handshake:error:auth`, as of libzmq's own servers, which spell it wrong",
    why: "a mistake of libzmq 4.3.5",
    shown: [
      {
        scenario: "strangers.strangersThatAreMet",
        theirs: ["PLAIN: ERROR 400 [handshake:error:protocol, ZMTP protocol error, ERR_ZMTP_UNEXPECTED_COMMAND]"],
        ours: ["PLAIN: ERROR 400 [handshake:error:auth, Authentication failure, 400]"],
      },
      {
        scenario: "strangers.strangersThatAreMet",
        theirs: ["PLAIN: ERROR no [handshake:error:protocol, ZMTP protocol error, ERR_ZMTP_UNEXPECTED_COMMAND]"],
        ours: ["PLAIN: ERROR no [handshake:error:other, Protocol error, EPROTO]"],
      },
    ],
  },
  {
    what: "an ERROR of a peer with another reason than 300, 400 or 500",
    theirs: "nothing until the handshake times out, `disconnect`, or `ERR_ZMTP_MALFORMED_COMMAND_ERROR`",
    ours: "`handshake:error:other` at once",
    why: "it is a refusal all the same",
    shown: [
      {
        scenario: "strangers.strangersThatAreMet",
        theirs: ["ERROR no [disconnect]"],
        ours: ["ERROR no [handshake:error:other, Protocol error, EPROTO]"],
      },
      {
        scenario: "strangers.strangersThatCome",
        theirs: [
          "ERROR 600 undefined",
          "ERROR no undefined",
          "an ERROR that ends in the middle [handshake:error:protocol, ZMTP protocol error, ERR_ZMTP_MALFORMED_COMMAND_ERROR]",
        ],
        ours: [
          "ERROR 600 [handshake:error:other, Protocol error, EPROTO]",
          "ERROR no [handshake:error:other, Protocol error, EPROTO]",
          "an ERROR that ends in the middle [handshake:error:other, Protocol error, EPROTO]",
        ],
      },
    ],
  },
  {
    what: "a peer without a mechanism whose type does not fit, or whose metadata are none",
    theirs: "`disconnect`",
    ours: "`handshake:error:protocol`, as with PLAIN and CURVE",
    why: "it shows what is wired to what by mistake",
    shown: [
      {
        scenario: "strangers.strangersThatCome",
        theirs: ["a READY that ends in the middle [disconnect]", "a type that does not fit [disconnect]"],
        ours: ["a READY that ends in the middle", "a type that does not fit"].map(
          (what) => `${what} [handshake:error:protocol, ZMTP protocol error, ERR_ZMTP_INVALID_METADATA]`,
        ),
      },
    ],
  },
  {
    what: "`tcpAcceptFilter`",
    theirs: "filters addresses",
    ours: "`EINVAL`",
    why: "nobody shall believe that somebody is kept out: a ZAP handler or a firewall decides",
    shown: [
      {
        scenario: "differing.filtersAndDetours",
        theirs: ["tcpAcceptFilter gives undefined"],
        ours: [`tcpAcceptFilter throws ${KEYS}`],
      },
    ],
  },
  {
    what: "`socksProxy`, `interface`",
    theirs: "choose the way",
    ours: "kept; tcp then fails with `ENOTSUP`",
    why: "Node.js does not offer them, and nothing shall go another way than was asked",
    shown: [
      {
        scenario: "differing.filtersAndDetours",
        theirs: ["connect by way of it gives undefined"],
        ours: ['connect by way of it throws Error "Operation not supported" ENOTSUP 95 tcp://127.0.0.1:1'],
      },
    ],
  },
  {
    what: "`typeOfService`, `tcpKeepaliveCount`, `tcpKeepaliveInterval`, `tcpMaxRetransmitTimeout`, buffer sizes",
    theirs: "passed to the system",
    ours: "kept, and have no effect",
    why: "Node.js does not offer them",
    shown: [{ file: "test/zeromq/kept-options.test.ts", title: "what Node.js does not offer" }],
  },
  {
    what: "`affinity`, `rate`, `recoveryInterval`, `multicast…`, `loopbackFastPath`, and all options of a context but `maxSockets`, `ipv6` and `blocky`",
    theirs: "of libzmq's threads and multicast",
    ours: "kept, and have no effect",
    why: "there is neither",
    shown: [{ file: "test/zeromq/kept-options.test.ts", title: "what only libzmq has a use for" }],
  },
  {
    what: "heartbeats",
    theirs: "end a peer that is busy",
    ours: "end a peer that is gone",
    why: "see [0008](design/0008-heartbeats.md)",
    shown: [
      {
        scenario: "differing.heartbeatsToABusyPeer",
        theirs: ["who has much to read is ended"],
        ours: ["who has much to read stays"],
      },
      {
        file: "test/session/heartbeat.test.ts",
        title: "condemns nobody who may have messages of ours to read first: at its mark a peer answers nothing",
      },
    ],
  },
  {
    what: "a second `Observer` of a socket",
    theirs: "ends the first",
    ours: "both hear",
    why: "nothing speaks against it",
    shown: [{ scenario: "differing.twoObservers", theirs: ["first end"], ours: ["first bind"] }],
  },
  {
    what: "closing an `Observer` that is being read",
    theirs: "refuses the read with `ENOTSOCK`",
    ours: "refuses it with `EAGAIN`, as closing a socket does",
    why: "it was no socket that was missing",
    shown: [{ scenario: "differing.closedObserver", theirs: ["the read ENOTSOCK"], ours: ["the read EAGAIN"] }],
  },
  {
    what: "`bind:error`",
    theirs: "address without its protocol",
    ours: "the whole address",
    why: "as all other events have it",
    shown: [
      {
        scenario: "differing.failedBind",
        theirs: ["with its protocol false"],
        ours: ["with its protocol true"],
      },
    ],
  },
  {
    what: "`cause` of errors",
    theirs: "none",
    ours: "the library's own error, where there is one: it says what was wrong and what is accepted",
    why: "it helps",
    shown: [{ scenario: "differing.causes", theirs: ["no cause"], ours: ["a cause"] }],
  },
  {
    what: "options by number that libzmq reads in odd layouts (`getInt64Option(15)`)",
    theirs: "numbers",
    ours: "`EINVAL`",
    why: "accidents",
    shown: [
      {
        scenario: "differing.oddLayout",
        theirs: ["events in eight octets gives 0"],
        ours: [`events in eight octets throws ${KEYS}`],
      },
    ],
  },
  {
    what: "sending a `DataView` or a `SharedArrayBuffer`",
    theirs: "`EINVAL`; as text",
    ours: "as octets",
    why: "as its types promise",
    shown: [
      {
        scenario: "differing.oddMemory",
        theirs: [
          'a DataView throws Error "Invalid argument"',
          'is rejects with Error "Operation was not possible or timed out" EAGAIN 11',
          'a SharedArrayBuffer is resolves to ["[object SharedArrayBuffer]"]',
        ],
        ours: [
          "a DataView resolves to undefined",
          'is resolves to ["ab"]',
          'a SharedArrayBuffer is resolves to ["aa"]',
        ],
      },
    ],
  },
  {
    what: "what classes look like: `Socket.length`, `console.log(Socket)`, methods that are replaced",
    theirs: "native functions without parameters; their methods cannot be replaced",
    ours: "classes; methods can be replaced",
    why: "they are classes of JavaScript",
    shown: [
      {
        scenario: "differing.replacedMethods",
        theirs: [
          `replace bind throws TypeError "Cannot assign to read only property 'bind' of object '#<Socket>'"`,
          "parameters of Socket 0",
          "printed [Function: Socket]",
        ],
        ours: ["replace bind gives done", "parameters of Socket 2", "printed [class Socket]"],
      },
    ],
  },
  {
    what: "the moment at which a promise settles",
    theirs:
      "a message is received in a later turn of the event loop, before what it lets be sent; closing refuses at once",
    ours: "a message is received as soon as it is there, after what it lets be sent; closing refuses later in the turn",
    why: "there is no other thread to hear from; the order of messages is the same",
    shown: [
      {
        scenario: "differing.momentsOfSettling",
        theirs: ["what came [tick, received]", "what never came [refused, next]"],
        ours: ["what came [received, tick]", "what never came [next, refused]"],
      },
      {
        scenario: "differing.callbacksOfOldSockets",
        theirs: ["heard [sent, answer, sent, answer]"],
        ours: ["heard [sent, sent, answer, answer]"],
      },
    ],
  },
  {
    what: "a socket that nobody holds, on which a send or a receive waits",
    theirs: "is closed when memory is collected, and refuses with `EAGAIN`",
    ours: "goes on",
    why: "what a program waits for does not depend on when memory is collected",
    shown: [
      {
        file: "test/zeromq/living.test.ts",
        title: "is not closed although nobody holds it, as with zeromq",
      },
    ],
  },
  {
    what: "the event `exit` of a process that waits for its messages",
    theirs: "comes before",
    ours: "comes afterwards",
    why: "Node.js does nothing any more once it has come",
    shown: [
      {
        file: "test/zeromq/living.test.ts",
        title: "tells of its end when it has waited, with zeromq before",
      },
    ],
  },
  {
    what: "closing an `Observer` of a socket that is still used",
    theirs: "the next bind, connect or event stands still as soon as it has heard of it, and the process never ends",
    ours: "the socket goes on",
    why: "a mistake of libzmq 4.3.5",
    shown: [
      {
        file: "test/zeromq/living.test.ts",
        title: "goes on when its observer was closed, with zeromq it does not",
      },
    ],
  },
  {
    what: "a `Proxy` through which nothing can pass: two that only receive, two that only send, a socket and itself",
    theirs: "runs; ends the process",
    ours: "`EINVAL`",
    why: "nothing could come of it",
    shown: [
      {
        scenario: "differing.uselessProxies",
        theirs: ["between two that receive gives runs"],
        ours: ['between two that receive throws Error "Invalid argument" EINVAL 22'],
      },
      {
        file: "test/zeromq/living.test.ts",
        title: "cannot stand between a socket and itself, which ends the process with zeromq",
      },
    ],
  },
  {
    what: "a `Proxy` between a Server and a Client",
    theirs: "passes questions on, and ends with `EHOSTUNREACH` at the first answer",
    ours: "ends with `EINVAL` at the first question",
    why: "no answer could find its way back",
    shown: [
      {
        scenario: "differing.uselessProxies",
        theirs: ['the question "question"', "the proxy ends with EHOSTUNREACH"],
        ours: ["the question EAGAIN", "the proxy ends with EINVAL"],
      },
    ],
  },
  {
    what: "Stream over inproc",
    theirs: "is taken",
    ours: "`EPROTONOSUPPORT`",
    why: "there are no octets",
    shown: [
      {
        scenario: "differing.streamsWithinTheProcess",
        theirs: ["bind resolves to undefined"],
        ours: [
          'bind rejects with Error "Protocol not supported" EPROTONOSUPPORT 93 inproc://streams-within-the-process',
        ],
      },
    ],
  },
  {
    what: "several frames in a `send` of a Client, Scatter or Datagram that has nobody to send to",
    theirs: "waits for somebody, then `EINVAL`",
    ours: "`EINVAL` at once",
    why: "nobody could ever take it",
    shown: [
      {
        scenario: "differing-drafts.severalFramesToNobody",
        theirs: ["Client resolves to waits", "Scatter resolves to waits", "Datagram resolves to waits"],
        ours: [
          'Client rejects with Error "Invalid argument" EINVAL 22',
          'Scatter rejects with Error "Invalid argument" EINVAL 22',
          'Datagram rejects with Error "Invalid argument" EINVAL 22',
        ],
      },
    ],
  },
  {
    what: "a group of more than 255 octets in a `send` of a Radio",
    theirs: "is cut",
    ours: "`EINVAL`",
    why: "a Dish cannot join it",
    shown: [
      {
        scenario: "differing-drafts.groupsThatAreTooLong",
        theirs: ["send resolves to undefined", 'first "x"'],
        ours: ['send throws Error "Invalid argument" EINVAL 22', 'first "last"'],
      },
    ],
  },
  {
    what: "Datagram over tcp and ipc",
    theirs: "comes as an empty frame, then both frames as one",
    ours: "`[address, octets]`",
    why: "a mistake there",
    shown: [
      {
        scenario: "differing-drafts.datagramsOverTcp",
        theirs: ['first [""]'],
        ours: ['first ["address", "octets"]'],
      },
    ],
  },
  {
    what: "a Client that left with a full queue",
    theirs: "`EAGAIN`",
    ours: "`EHOSTUNREACH`",
    why: "it has gone, and will not take it",
    shown: [
      {
        scenario: "differing-drafts.clientsThatLeftWithAFullQueue",
        theirs: ['when it has left rejects with Error "Operation was not possible or timed out" EAGAIN 11'],
        ours: ['when it has left rejects with Error "Host unreachable" EHOSTUNREACH 113'],
      },
    ],
  },
  {
    what: "`unbind` of a udp address",
    theirs: "`ENOENT`, and it stays bound",
    ours: "unbinds",
    why: "a mistake there",
    shown: [
      {
        scenario: "differing-drafts.unbindingDatagrams",
        theirs: [
          'unbind rejects with Error "No such endpoint" ENOENT 2 udp://127.0.0.1:PORT',
          'afterwards ["x", {group: "g"}]',
        ],
        ours: ["unbind resolves to undefined", "afterwards EAGAIN"],
      },
    ],
  },
  {
    what: "`udp://host:*`",
    theirs: "binds a port that nobody is told",
    ours: "`lastEndpoint` tells it",
    why: "a port that nobody knows is of no use",
    shown: [
      {
        scenario: "differing-drafts.portsThatTheSystemChooses",
        theirs: ["told false"],
        ours: ["told true"],
      },
    ],
  },
  {
    what: "udp address that cannot be bound",
    theirs: "is tried again and again, without a word",
    ours: "the code of the system, from `bind`",
    why: "said where it can be mended",
    shown: [
      {
        scenario: "differing-drafts.addressesOfOthers",
        theirs: ["bind resolves to undefined"],
        ours: ['bind rejects with Error "Cannot assign requested address" EADDRNOTAVAIL 99 udp://8.8.8.8:PORT'],
      },
    ],
  },
  {
    what: "udp port of a living socket",
    theirs: "is shared, and the last one gets everything",
    ours: "`EADDRINUSE`; multicast groups are shared",
    why: "nobody loses an endpoint to a newcomer",
    shown: [
      {
        scenario: "differing-drafts.portsOfOthers",
        theirs: ["bind resolves to undefined", "the first EAGAIN"],
        ours: [
          'bind rejects with Error "Address already in use" EADDRINUSE 98 udp://127.0.0.1:PORT',
          'the first ["x", {group: "g"}]',
        ],
      },
    ],
  },
  {
    what: "`connect` of a Radio to a name",
    theirs: "asks a resolver meanwhile; `EINVAL` for one that means nothing, or for an interface",
    ours: "resolves it in the background, again and again",
    why: "Node.js resolves no name synchronously",
    shown: [
      {
        scenario: "differing-drafts.namesOfNobody",
        theirs: [`connect throws ${KEYS} udp://no-such-host.invalid:PORT`],
        ours: ["connect gives undefined"],
      },
    ],
  },
  {
    what: "a host that is a malformed address",
    theirs: "`ENODEV` at bind; never connects, by tcp",
    ours: "`EINVAL`",
    why: "nobody means that",
    shown: [
      {
        scenario: "differing.oddHosts",
        theirs: [
          'bind 127.0.0.1.5 rejects with Error "No such device" ENODEV 19 tcp://127.0.0.1.5:*',
          "connect 127.0.0.1.5 gives undefined",
        ],
        ours: [
          `bind 127.0.0.1.5 rejects with ${KEYS} tcp://127.0.0.1.5:*`,
          `connect 127.0.0.1.5 throws ${KEYS} tcp://127.0.0.1.5:PORT`,
        ],
      },
      {
        scenario: "differing-drafts.malformedHosts",
        theirs: ['bind rejects with Error "No such device" ENODEV 19 udp://1.2.3.4.5:PORT'],
        ours: [`bind rejects with ${KEYS} udp://1.2.3.4.5:PORT`],
      },
    ],
  },
  {
    what: "`conflate` of Scatter and Gather",
    theirs: "is taken, and does nothing",
    ours: "keeps the newest message",
    why: "as its types promise",
    shown: [
      {
        scenario: "drafts.newestOnly",
        theirs: ['newest resolves to ["0"]'],
        ours: ['newest resolves to ["9"]'],
      },
    ],
  },
  {
    what: "datagrams over 8192 octets",
    theirs: "received ones are cut; sending overruns the memory of libzmq, as `udp_engine.cpp` says",
    ours: "received whole; `EMSGSIZE`",
    why: "nothing is sent that libzmq cannot read",
    shown: [
      { scenario: "differing-drafts.largeDatagrams", theirs: ["octets 8190"], ours: ["octets 9000"] },
      {
        file: "test/transport/udp/udp.test.ts",
        title: "is refused by a Radio that is connected over udp, before anybody gets it",
      },
      { file: "test/transport/udp/udp.test.ts", title: "is refused by a Datagram" },
      { file: "test/transport/udp/udp.test.ts", title: "is taken from others, up to what a datagram can hold" },
    ],
  },
  {
    what: "groups of 128 octets and more, over udp",
    theirs: "end the process of whoever receives one",
    ours: "`EMSGSIZE`; received",
    why: "the length is read as a signed octet there",
    shown: [
      { file: "test/zeromq/living.test.ts", title: "receives a long group, which ends the process with zeromq" },
      {
        file: "test/transport/udp/udp.test.ts",
        title: "is refused by a Radio that is connected over udp, before anybody gets it",
      },
      {
        file: "test/transport/udp/format.test.ts",
        title: "may have a group of 255 octets when it is received, though libzmq would not survive it",
      },
    ],
  },
  {
    what: "`maxMessageSize` over udp",
    theirs: "not looked at",
    ours: "what is larger is dropped and counted",
    why: "no transport passes on what is too large",
    shown: [
      {
        scenario: "differing-drafts.datagramsOverTheLimit",
        theirs: ['first "longer than that"'],
        ours: ['first "short"'],
      },
      { file: "test/transport/udp/udp.test.ts", title: "what is malformed, and what is over maxMessageSize" },
    ],
  },
  {
    what: "a second `bind` of a Datagram",
    theirs: "succeeds, and does nothing",
    ours: "`EINVAL`",
    why: "a socket has one way for its datagrams",
    shown: [
      {
        scenario: "differing-drafts.secondBinds",
        theirs: ["another bind resolves to undefined"],
        ours: [`another bind rejects with ${KEYS} udp://127.0.0.1:PORT`],
      },
    ],
  },
  {
    what: "`unmonitor()`, and a second `monitor()`, of `v5-compat`",
    theirs: "emit an `error`, which ends a process that does not listen for it",
    ours: "emit nothing",
    why: "they ask for nothing that fails",
    shown: [{ file: "test/zeromq/v5-compat.test.ts", title: "stops watching, and watches once, without an error" }],
  },
  {
    what: "fields of sockets of `v5-compat` whose names begin with `_`",
    theirs: "queues and states of its own",
    ours: "none",
    why: "they are private",
    shown: [
      {
        scenario: "differing.fieldsOfOldSockets",
        theirs: ["own fields [_count, _msg, _paused, _recvQueue, _sendQueue, _socket, type]"],
        ours: ["own fields [type]"],
      },
    ],
  },
  {
    what: "`conflate`, and messages of several frames",
    theirs: "keeps their last frame",
    ours: "keeps them whole",
    why: "a message travels as one or not at all",
    shown: [
      {
        scenario: "differing.severalFramesConflated",
        theirs: ['kept ["three"]'],
        ours: ['kept ["one", "two", "three"]'],
      },
    ],
  },
  {
    what: "a mark that is raised while the queue is full",
    theirs: "gives room once a peer has read",
    ours: "gives room at once",
    why: "there is room",
    shown: [
      {
        scenario: "differing.markRaisedWhileFull",
        theirs: ['with a higher mark rejects with Error "Operation was not possible or timed out" EAGAIN 11'],
        ours: ["with a higher mark resolves to undefined"],
      },
    ],
  },
  {
    what: "room in a full queue of inproc",
    theirs: "is told of after half of it was read",
    ours: "is there after each message that was read",
    why: "there is room",
    shown: [
      {
        scenario: "differing.roomAfterReading",
        theirs: ['after one was read rejects with Error "Operation was not possible or timed out" EAGAIN 11'],
        ours: ["after one was read resolves to undefined"],
      },
    ],
  },
  {
    what: "sending an array behind a `Proxy` of JavaScript",
    theirs: "as text",
    ours: "as frames",
    why: "`Array.isArray` says that it is one",
    shown: [
      {
        scenario: "differing.arrayBehindAProxy",
        theirs: ['sent ["a,b"]'],
        ours: ['sent ["a", "b"]'],
      },
    ],
  },
  {
    what: "an endpoint that was refused once, with `reconnectInterval` -1",
    theirs: "takes messages up to its mark, which nobody will ever get",
    ours: "takes none",
    why: "nothing is accepted that cannot arrive",
    shown: [
      {
        scenario: "differing.refusedForGood",
        theirs: ["to whom nobody will connect resolves to undefined"],
        ours: ['to whom nobody will connect rejects with Error "Operation was not possible or timed out" EAGAIN 11'],
      },
    ],
  },
  {
    what: "a stranger whose first octets are not of ZMTP 3",
    theirs: "is awaited until it leaves or its time is over",
    ours: "`handshake:error:protocol` at once",
    why: "nothing it could say would mend it",
    shown: [
      {
        scenario: "differing.anotherLanguage",
        theirs: ["at once nothing"],
        ours: ["at once handshake:error:protocol"],
      },
    ],
  },
  {
    what: "a peer that is sent away: the second of a Pair, or one whose routing id another has",
    theirs: "`handshake`, and nothing more",
    ours: "`handshake:error:other` and `disconnect`",
    why: "it shows why nothing comes of it",
    shown: [
      {
        scenario: "differing.sentAway",
        theirs: ["events [handshake, handshake]"],
        ours: ["events [handshake, handshake:error:other, disconnect]"],
      },
    ],
  },
  {
    what: "option 98 (`XPUB_MANUAL_LAST_VALUE`) by its number",
    theirs: "is taken",
    ours: "`EINVAL`",
    why: "not written; no class of `zeromq` names it",
    shown: [
      {
        scenario: "differing.lastValueByNumber",
        theirs: ["last value gives undefined"],
        ours: [`last value throws ${KEYS}`],
      },
    ],
  },
  {
    what: "`readable` of a Request to which came what is no answer",
    theirs: "true, although a receive waits",
    ours: "false",
    why: "there is nothing to receive",
    shown: [{ scenario: "differing.answersThatAreNone", theirs: ["readable true"], ours: ["readable false"] }],
  },
]
