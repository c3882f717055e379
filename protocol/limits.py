"""Every bound on what the outside can make this node hold or do, with its unit and where the figure comes from.

Overflow is a counted drop or a clear error, never growth. Names say what is bounded; the unit is in the name or the comment.
"""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * 1024

# --- Names and text -------------------------------------------------------------------------------------------------
ID_CHARS: Final = 128  # longest id; real ids reach 48
NAME_CHARS: Final = 200  # display names, longer ones are cut
DESCRIPTION_CHARS: Final = 4_000  # Agent Skills allow 1,024; real skill.yaml descriptions reach 1,500
VERSION_CHARS: Final = 64
CONSTRAINT_CHARS: Final = 256  # longest version constraint; real ones reach 9 (SECURITY 3.4)
CONSTRAINT_PARTS: Final = 16  # alternatives, and comparisons in each
TAGS: Final = 64  # per item
PROVIDES: Final = 512  # capabilities per skill; the largest real skill has 41
REQUIRES: Final = 256  # dependencies per item

# --- Manifests (measured over 175 real files, largest 21 KiB) -------------------------------------------------------
MANIFEST_BYTES: Final = 256 * KIB
YAML_DEPTH: Final = 24
YAML_NODES: Final = 20_000  # including alias expansion
YAML_ALIASES: Final = 64
YAML_KEY_CHARS: Final = 256
INDEX_INCLUDES: Final = 2_000  # files one skill-index may pull in

# --- Folders --------------------------------------------------------------------------------------------------------
FOLDER_DEPTH: Final = 12
FOLDER_ENTRIES: Final = 200_000  # directory entries one root may make us look at
FOLDER_PROBLEMS: Final = 500  # remarks of one look through a root; folders that cannot be read are always named
FOLDER_POLL_SECONDS: Final = 2.0  # between looks for changes where the kernel does not tell
CACHED_CLAIMS: Final = 256  # claims one provenance file remembers; 200 peers can offer one item
PROVENANCE_BYTES: Final = 8 * MIB  # one provenance file
WATCHED_FOLDERS: Final = 8_192  # the smallest default of fs.inotify.max_user_watches still in use
ITEM_FILES: Final = 2_000  # files of one item's folder that enter its tree digest
ITEM_BYTES: Final = 64 * MIB  # bytes of one item's folder that enter its tree digest
ITEM_FILE_BYTES: Final = 16 * MIB  # one file of an item

# --- Packages and installing (SECURITY 3.3; the folder limits above hold for unpacked trees too) ---------------------
PATH_PART_BYTES: Final = 120  # one part of a path inside a package, UTF-8; the longest real one has 61
PACKAGE_BYTES: Final = 80 * MIB  # one archive as downloaded
PARTIAL_SECONDS: Final = 7 * 86_400.0  # that bytes of a broken-off download are kept for going on
PARTIAL_BYTES: Final = 256 * MIB  # of all of them
PARTIAL_TREE_BYTES: Final = 80 * MIB  # of one tree from peers, with what came twice
PARTIAL_AFTER_SECONDS: Final = 1.0  # a tree that comes faster is not written down on its way
NAMES_TOLD: Final = 5  # of what a folder holds and is not installed, in one line
PACKAGE_MEMBERS: Final = 4_000  # files and folders one archive may list
UNPACK_RATIO: Final = 100  # decompressed to compressed bytes; text reaches 20
UNPACK_RATIO_FREE: Final = MIB  # decompressed bytes below which the ratio is not looked at
TAR_OVERHEAD: Final = 16 * MIB  # headers and padding of a tar beside its files
TAR_HEADER_BYTES: Final = 64 * KIB  # one extended header
INSTALLED_ITEMS: Final = 20_000  # rows of one generation
CONSENTS_KEPT: Final = 10_000  # consents a generation carries; the newest are kept
QUEUE_ENTRIES: Final = 1_000  # installs that wait (FLOWS 4.5)
BUNDLE_BYTES: Final = 4096 * MIB  # all files of one bundle
GENERATION_BYTES: Final = 64 * MIB  # one generation file or lock file
GENERATIONS_KEPT: Final = 3  # what garbage collection leaves to roll back to, the current one included
RECORD_CHARS: Final = 4_000  # one text in a generation or lock file
DISK_RESERVE: Final = 64 * MIB  # free space an install leaves untouched
LOCK_SECONDS: Final = 60.0  # how long a commit waits for another one

# --- Resolving (SECURITY 3.4) -----------------------------------------------------------------------------------------
RESOLVE_SECONDS: Final = 5.0  # then the answer is plan.too_hard; the hard set of the bench needs 0.2 s
RESOLVE_ROUNDS: Final = 2_000  # of the resolver, for each question
RESOLVE_CONFLICTS: Final = (
    40  # conflicts after which the search that learns from them takes over; ordinary scenes have none
)
RESOLVE_PACKAGES: Final = 500  # items of one plan
RESOLVE_NEEDS: Final = 64  # dependencies of one item; the largest real one has 12
RESOLVE_VERSIONS: Final = 200  # newest releases looked at for one name
PLAN_CAUSES: Final = 20  # lines that explain a conflict
OPTIONAL_SECONDS: Final = 1.0  # of the whole, for one optional dependency

# --- Contracts (FLOWS 4.3) ---------------------------------------------------------------------------------------------
CONTRACT_DEPTH: Final = 32  # of one request or response
CONTRACT_VALUES: Final = 100_000  # scalars, lists and mappings in one request or response
CONTRACT_BYTES: Final = 8 * MIB  # one request or response as JSON
SCHEMA_DEPTH: Final = 24
SCHEMA_NODES: Final = 5_000
PATTERN_CHARS: Final = 256  # of one regular expression in a schema
CONTRACT_DIFFERENCES: Final = 50  # told at once

# --- Scene agents (docs/reference/scenes.md) ------------------------------------------------------------------------
CALL_SECONDS: Final = 30.0  # one call, when neither the caller nor the contract says more
CALL_LONGEST_SECONDS: Final = 600.0
CALL_RETRIES: Final = 5  # times an unreachable service is asked again
CALL_REQUEST_BYTES: Final = 4 * MIB  # JSON of one request; skills here take up to 1 MB of text
CALL_RESPONSE_BYTES: Final = 8 * MIB  # body of one answer
CALLS_RUNNING: Final = 32  # calls of one scene at once
CALLS_WAITING: Final = 128  # calls of one scene that wait for a place
COMMAND_WORDS: Final = 64
COMMAND_WORD_CHARS: Final = 1_024
DOCUMENT_BYTES: Final = 512 * KIB  # SKILL.md text in one answer; the standard asks for less than 5,000 tokens
SKILL_START_SECONDS: Final = 30.0  # from start to the first healthy answer; a JVM takes several
SKILL_HEALTH_SECONDS: Final = 2.0  # one health check
SKILL_HEALTH_EVERY: Final = 10.0  # between health checks of a running skill
SKILL_STOP_SECONDS: Final = 5.0  # between TERM and KILL
ACTIVATION_FAILURES: Final = 3  # failed starts after which an update is taken back (SECURITY 3.1)
SKILL_LOG_BYTES: Final = MIB  # one log file; the one before it is kept too
SKILL_LOG_RATE: Final = MIB  # bytes per second taken from a skill's output; above that the skill waits
SKILL_LOG_TAIL: Final = 64 * KIB  # shown by one `ooder logs`
SKILL_FILES_OPEN: Final = 1_024  # RLIMIT_NOFILE
SKILL_FILE_BYTES: Final = 1024 * MIB  # RLIMIT_FSIZE
SKILL_SETTINGS_BYTES: Final = 64 * KIB  # one file of a skill's settings
SKILL_SETTINGS: Final = 128  # settings of one skill
CONTROL_REQUEST_BYTES: Final = 8 * MIB  # one request line on the control socket
CONTROL_LINE_BYTES: Final = 64 * MIB  # one answer line; an 8 MiB body may be escaped sixfold
CONTROL_CLIENTS: Final = 64  # connections at once

# --- Index and events -----------------------------------------------------------------------------------------------
EVENTS_KEPT: Final = 10_000  # rows of the event log
PROBLEMS_KEPT: Final = 10_000  # per source
QUERY_CHARS: Final = 256
QUERY_TERMS: Final = 12
COMPARED: Final = 50  # providers shown side by side
PAGE_ROWS: Final = 1_000  # rows of one answer
PREFIX_CHARS: Final = 3  # Latin characters from which the last word typed may be unfinished
MATCHES_COUNTED: Final = 1_000  # matches of a question that are counted; a common word has tens of thousands
RANKED: Final = 200  # matches of a question that are compared with each other (6 us each)
SUMMARY_CHARS: Final = 200  # of a description in a list
REPORTS_PER_COMMIT: Final = 1_000  # about 0.2 s of work in one transaction
REPORTS_WAITING: Final = 10_000  # said by sources and not yet in the index; above that they are dropped and counted
INDEX_BUSY_SECONDS: Final = 10.0  # how long a second process may hold the index

# --- HTTP API (SECURITY 5.5, 6) ---------------------------------------------------------------------------------------
API_BODY_BYTES: Final = 256 * KIB  # one request; the largest is a settings change
API_BODY_SECONDS: Final = 10.0  # for a request's body to arrive
API_CONNECTIONS: Final = 512  # open at once; above that a connection is closed at once
API_REQUESTS: Final = 64  # answered at once; the rest waits its turn
API_STREAMS: Final = 160  # event streams open at once
API_RATE: Final = 4_000.0  # requests per second and address, twice what one core can answer
API_BURST: Final = 8_000.0
API_CLIENTS: Final = 4_096  # addresses whose rate is remembered
API_SESSIONS: Final = 32  # browsers signed in
API_SESSION_SECONDS: Final = 7 * 86_400
API_LINKS: Final = 8  # one-time links not used yet
API_LINK_SECONDS: Final = 3_600
API_KEEP_ALIVE_SECONDS: Final = 15.0  # between signs of life on a quiet stream
API_STALLED_SECONDS: Final = 10.0  # a stream whose client takes nothing for so long is dropped
API_EVENTS_HELD: Final = 2_000  # events ready to be sent again
API_EVENT_SECONDS: Final = 0.02  # between looks at the log while somebody listens
API_EVENTS_AT_ONCE: Final = 200  # written to one stream in one go
API_ANSWERS_HELD: Final = 1_024  # answers kept at once
API_ANSWERS_BYTES: Final = 16 * 1024 * 1024  # of all of them
API_ANSWER_SECONDS: Final = 1.0  # an answer is kept at most
API_SEARCH_SECONDS: Final = 5.0  # a list or search: its rows become stale by themselves, no later shown than so
API_PORTS_TRIED: Final = 20  # when the wished port is taken
SCANS_KEPT: Final = 32  # finished scans that can be asked about
SCANS_WAITING: Final = 4
PLAN_QUESTIONS: Final = 5_000  # that one agreement answers
REPOSITORY_ITEMS: Final = 400  # items looked through for a list of repositories
PLANS_KEPT: Final = 64  # plans that can still be carried out
INSTALLS_KEPT: Final = 32  # finished installs that can be asked about
INSTALLS_WAITING: Final = 8
INSTALL_EVENT_SECONDS: Final = 0.25  # between two events about the progress of one install

# --- Being a SkillCenter (WIRE 3.6; docs/protocol/skill-center.md) -----------------------------------------------------
CENTER_RELEASES: Final = 1_000_000  # versions in all; the largest public registry has 172,000 items
CENTER_ITEM_BYTES: Final = 256 * KIB  # JSON text of one item; manifests are bounded alike
CENTER_PAGE: Final = (
    1_000  # rows of a list that names no number: existing clients know no pages and take the first for all
)
CENTER_FOUND: Final = 100  # rows of a search that names no number
CENTER_CHANGES: Final = 500  # releases of one answer for who mirrors
CENTER_ANSWER_BYTES: Final = 32 * MIB  # answers held, all together
CENTER_STREAMS: Final = 400  # listeners at once; who gets no place asks from time to time
CENTER_EVENTS_HELD: Final = 2_000  # events ready to be sent again without asking the database
CENTER_UPLOADS: Final = 8  # packages taken in at once
CENTER_UPLOAD_RATE: Final = 200 * KIB  # bytes per second below which a publisher is too slow
CENTER_UPLOAD_SECONDS: Final = 15.0  # that any upload gets
CENTER_PUBLISH_RATE: Final = 5.0  # releases per second and key
CENTER_PUBLISH_BURST: Final = 200.0  # a team that moves in
CENTER_PUBLISHERS: Final = 4_096  # keys whose rate is remembered
CENTER_LOOK_SECONDS: Final = 2.0  # between looks for what other replicas wrote and nobody told

# --- Signed records (SECURITY 2.5, 5.2; docs/protocol/records.md) ---------------------------------------------------
RECORD_DHT_BYTES: Final = 1_000  # one DHT value (BEP 44)
RECORD_UDP_BYTES: Final = 1_024  # one datagram that every receiver takes (WIRE 4, 4)
RECORD_HTTP_BYTES: Final = 64 * KIB
RECORD_TYPE_CHARS: Final = 64
RECORD_NAME_BYTES: Final = 256  # a ref with version
RECORD_STRING_BYTES: Final = 16 * KIB
RECORD_ARRAY: Final = 1_024  # elements of one array
RECORD_MAP: Final = 256  # pairs of one map
RECORD_DEPTH: Final = 16
RECORD_INTEGER: Final = 2**53  # sequence and times stay exact in JSON
RECORD_SKEW_SECONDS: Final = 300  # how far ahead another clock may be
RECORD_LIFE_SECONDS: Final = 30 * 86_400  # from issued to expires
RECORD_LIFE_LONGEST_SECONDS: Final = 3_660 * 86_400  # namespace documents and rotations

# --- Git (SECURITY 4.2) ---------------------------------------------------------------------------------------------
GIT_URL_CHARS: Final = 1_024
GIT_REF_CHARS: Final = 200
GIT_PATH_CHARS: Final = 1_024
GIT_TREE_ENTRIES: Final = 50_000  # files and folders of one commit
GIT_OUTPUT_BYTES: Final = 16 * MIB  # one answer of git; 50,000 entries of a tree take about 6 MiB
GIT_ERROR_BYTES: Final = 16 * KIB  # error text kept of one git command
GIT_BLOBS_BYTES: Final = 64 * MIB  # file content held in memory by one read
GIT_PACK_BYTES: Final = 64 * MIB  # RLIMIT_FSIZE: what one fetch may write to one file
GIT_MIRROR_BYTES: Final = 256 * MIB  # one mirror on disk
GIT_MIRROR_PACKS: Final = 20  # then the mirror is made anew
GIT_MEMORY_BYTES: Final = 2048 * MIB  # RLIMIT_AS of one git process
GIT_CPU_SECONDS: Final = 60  # RLIMIT_CPU of one git process
GIT_HISTORY_NEAR: Final = 32  # generations asked for first, to see whether history was rewritten
GIT_HISTORY_FAR: Final = 1_024  # generations asked for when that was not enough
GIT_REPOSITORIES: Final = 200  # configured repositories
GIT_SMALL_PACKAGE: Final = 32  # files of a folder fetched along with its manifest, if all of them are manifests

# --- Forges (WIRE 3.7) ------------------------------------------------------------------------------------------------
FORGE_ROWS: Final = 100  # rows of one page; the most that GitHub, Gitee and GitLab give
FORGE_PAGES: Final = 10  # pages of one list; GitHub shows the first 1,000 results of a search
FORGE_SERVERS: Final = 16  # configured forges of one source
FORGE_PLACES: Final = 200  # configured owners and repositories of one forge
FORGE_SEARCHES: Final = 16  # topics and words one look searches for
FORGE_FOUND: Final = 500  # repositories of one look
FORGE_MANIFESTS: Final = 500  # read of a repository nobody named; the largest real one has 175
FORGE_TREE_CALLS: Final = 100  # answers one tree is put together from; then the git mirror is used
FORGE_TAGS: Final = 1_000  # tags remembered of one repository
FORGE_BODY_BYTES: Final = 16 * MIB  # one answer; GitHub cuts trees at 7 MB
FORGE_README_BYTES: Final = 256 * KIB
FORGE_README_CHARS: Final = 2_000  # of a README shown before installing
FORGE_FILES_SHOWN: Final = 200  # names of an item's files shown before installing

# --- Outbound HTTP (SECURITY 5.6) -------------------------------------------------------------------------------------
HTTP_URL_CHARS: Final = 2_048
HTTP_SHOWN_CHARS: Final = 200  # of a URL in messages
HTTP_CONNECT_SECONDS: Final = 5.0
HTTP_SILENCE_SECONDS: Final = 15.0  # between two pieces of one answer
HTTP_TOTAL_SECONDS: Final = 60.0  # one request with its retries and redirects
HTTP_SLOWEST: Final = 50 * KIB  # bytes per second that a download's time is reckoned with
HTTP_BODY_BYTES: Final = 8 * MIB  # one answer, decoded; 1,000 rows of a registry take about 1 MiB
HTTP_HEAD_BYTES: Final = 8 * KIB  # one header line
HTTP_JSON_DEPTH: Final = 32
HTTP_REDIRECTS: Final = 3
HTTP_TRIES: Final = 4  # of one request, the first one included
HTTP_RESUMES: Final = 32  # pieces of one download beyond the first
HTTP_PATIENCE: Final = 10.0  # seconds of a Retry-After that one request waits out by itself
HTTP_ORIGINS: Final = 1_024  # origins whose health and pace are remembered
HTTP_KEY_BYTES: Final = 4 * KIB  # one key file
HTTP_KEYS: Final = 16  # of one source
HTTP_CACHE_BYTES: Final = 256 * MIB  # kept answers on disk
HTTP_CACHE_FILES: Final = 20_000
HTTP_MESSAGE_BYTES: Final = 64 * KIB  # one WebSocket message
HTTP_HEARTBEAT_SECONDS: Final = 6.0  # between signs of life on a WebSocket

# --- Asking registries (WIRE 3.6) ---------------------------------------------------------------------------------------
REGISTRIES: Final = 32  # configured
REGISTRY_PAGE: Final = 500  # rows or changes asked for at once
REGISTRY_PAGES: Final = 400  # pages of rows of one list
REGISTRY_CHANGES: Final = 1_000_000  # releases of one registry
REGISTRY_HINTS: Final = 256  # refs named by pushes that wait to be asked about; more are one look at everything


# --- Local network (LAN.md 5.3, WIRE 3.1) ---------------------------------------------------------------------------
DATAGRAM_SENT: Final = 1_024  # bytes; a Java neighbour's receive buffer, and below every MTU
DATAGRAM_READ: Final = 1_232  # bytes; longer datagrams are dropped unread (IPv6 minimum MTU less headers)
LIST_ENTRIES: Final = 64  # entries of one list in a text message
TEXT_FIELD_CHARS: Final = 512  # one field of a text message
SOURCE_RATE: Final = 50.0  # datagrams per second and source address, before any parsing
SOURCE_BURST: Final = 256.0  # several nodes may share one address and start together
SOURCES: Final = 4_096  # addresses that have a bucket; the least recent one is forgotten
SEEN_DATAGRAMS: Final = 4_096  # signed datagrams remembered by hash
FORGERY_RATE: Final = 0.1  # bad signatures per second and address before only known keys are heard from it
FORGERY_BURST: Final = 3.0
VERIFY_RATE: Final = 400.0  # signature checks per second (4 % of a core), half of them reserved for known keys
VERIFY_BURST: Final = 800.0  # a cold start among 100 nodes
KEY_VERIFY_RATE: Final = 20.0  # signature checks per second and claimed key
ANSWER_RATE: Final = 2.0  # answers per second and asking address
ANSWER_BURST: Final = 32.0
ANSWERS_RATE: Final = 50.0  # answers per second in all
ANSWERS_BURST: Final = 200.0
CALLS_RATE: Final = 200.0  # questions per second to addresses that a flood hides
CALLS_BURST: Final = 256.0
CALL_GAP_SECONDS: Final = 1.0  # between two of them to one address
EXPECTED_NONCES: Final = 4  # questions to one address whose answers are awaited
CHALLENGES_RATE: Final = 20.0  # proofs of life asked per second in all
PEERS: Final = 1_000  # rows of the peer table
PEERS_PER_ADDRESS: Final = 64  # agents one address may speak for
PEER_ADDRESSES: Final = 8  # addresses kept for one peer
LOST_PEERS: Final = 256  # peers gone but retried
FLOORS: Final = 4_096  # keys whose newest sequence number is remembered after they left
OUTBOX: Final = 1_024  # datagrams waiting to be sent
LAN_EVENTS: Final = 4_096  # events waiting to be read
TXT_BYTES: Final = 400  # whole TXT record of a published service
TXT_STRING: Final = 255  # one key=value string
DNS_LABEL: Final = 63  # bytes of an instance name
OFFERS: Final = 1_000  # rows of one node's catalogue
CATALOGUE_BYTES: Final = 8 * MIB  # one catalogue as sent; the largest real 1,000 items take about 2 MiB
CATALOGUES_AT_ONCE: Final = 4
CATALOGUE_SECONDS: Final = 10.0  # for one whole catalogue
PEER_CONNECT_SECONDS: Final = 2.0
PEER_SILENCE_SECONDS: Final = 5.0  # between two pieces of one answer
PEER_SLOWEST: Final = 16 * KIB  # bytes per second below which a download is given up
PEER_REQUESTS: Final = 4  # at one peer at once, for one tree
PEERS_AT_ONCE: Final = 8  # peers that one tree is fetched from
PEER_PIECE: Final = MIB  # bytes of a tree asked of one of several peers, and sent at a time
PEER_BUFFER: Final = 4 * MIB  # bytes of an answer that wait to be read
HANDOVERS: Final = 32  # capabilities other devices want this one to take over
SHARES: Final = 1_000  # rows of the ledger
SHARES_TOLD: Final = 16  # shares that are told one by one on the local network; the catalogue has all
PEER_LISTENERS: Final = 64  # peers that are told when the catalogue changes
PEER_LISTENERS_EACH: Final = 4  # of one address; several nodes may share a host
PEERS_LISTENED_TO: Final = 16  # paired devices this node holds a stream to
PEER_NEWS_SECONDS: Final = 0.5  # between looks whether it changed, while anybody listens
PAIR_SECONDS: Final = 60.0  # for two people to start and compare
SERVICES: Final = 1_024  # services kept by the browser
SERVICES_PER_MINUTE: Final = 256
SERVICE_PROBES_PER_SECOND: Final = 50  # services that only mDNS knows (1 % of a core): 150 every 3 s, 250 every 5 s
SERVICE_PROBES_AT_ONCE: Final = 96  # 50 per second that each end within 1.9 s
SERVICE_PROBE_SECONDS: Final = 0.8  # for one connection; two tries, their gap and 5 s between probes stay below 8 s

# --- DHT (docs/protocol/dht.md) -------------------------------------------------------------------------------------
DHT_K: Final = 20  # contacts of one bucket, and replicas of one record (guide 3.3)
DHT_ALPHA: Final = 3  # questions in flight on one path (guide 3.3)
DHT_PATHS: Final = 3  # disjoint paths of a careful lookup
DHT_DATAGRAM: Final = 1_400  # bytes sent or read; passes every link of the internet unfragmented
DHT_GAIN: Final = 3  # an answer to an unproved address is at most this many times its question
DHT_PADDED: Final = 467  # bytes of a question that has no token yet: three times that is a whole datagram
DHT_BUCKET_NETWORK: Final = 2  # contacts of one /24 (IPv6 /48) in a bucket
DHT_TABLE_NETWORK: Final = 10  # the same in the whole table
DHT_REPLACEMENTS: Final = 8  # contacts waiting for a place in a bucket
DHT_FAILURES: Final = 2  # questions without an answer after which a contact leaves
DHT_DEAD: Final = 1_024  # addresses remembered as silent
DHT_DEAD_SECONDS: Final = 30.0  # how long a silent address is not asked again
DHT_LOOKUP_NETWORK: Final = 8  # contacts of one network a lookup may ask
DHT_LOOKUP_QUESTIONS: Final = 120  # questions of one lookup
DHT_OUTSTANDING: Final = 4_096  # questions waiting for an answer
DHT_CONTACTS: Final = 20  # contacts of one answer
DHT_RECORDS: Final = 20_000  # records stored for others, about 1.2 KiB each in memory
DHT_KEY_RECORDS: Final = 64  # records under one key
DHT_KEY_NETWORK: Final = 16  # the same from one network
DHT_STORE_NETWORK: Final = 2_500  # records from one network in the whole store
DHT_NAME_BYTES: Final = 96  # a ref without version
DHT_VERSION_CHARS: Final = 32
DHT_TITLE_CHARS: Final = 120  # name and the beginning of the description
DHT_TAGS: Final = 8  # words beside the name; each is one more place in the index
DHT_TAG_CHARS: Final = 32
DHT_PLACES: Final = 4  # addresses at which a package can be fetched
DHT_PLACE_CHARS: Final = 160
DHT_TOKENS: Final = 24  # index words of one record
DHT_LIFE_SECONDS: Final = 8 * 86_400.0  # from issued to expires
DHT_DEPTH: Final = 6  # levels of the index below its root
DHT_VISITS: Final = 512  # index nodes one listing visits
DHT_FOUND: Final = 10_000  # records of one listing
DHT_PUBLISHED: Final = 10_000  # offers of one node
DHT_PUT_RECORDS: Final = 16  # records of one datagram
DHT_SOURCE_RATE: Final = 300.0  # datagrams per second and address, before any parsing
DHT_SOURCE_BURST: Final = 1_200.0  # a sweep, or a lookup's worth of answers
DHT_STORE_RATE: Final = 50.0  # records per second and address that are worth a signature check
DHT_STORE_BURST: Final = 1_200.0  # a sweep of 1,000 records
DHT_VERIFY_RATE: Final = 2_000.0  # signature checks per second in all (19 % of a core, SECURITY 6)
DHT_VERIFY_BURST: Final = 8_000.0
DHT_PROOF_RATE: Final = 200.0  # proofs signed for others per second in all
DHT_PROOF_BURST: Final = 1_000.0
DHT_SOURCES: Final = 4_096  # addresses that have a bucket
DHT_VERIFIED: Final = 4_096  # digests of records whose signature was good
DHT_EVENTS: Final = 4_096  # events waiting to be read
DHT_PUBLISHERS: Final = 8  # strangers asked for their catalogue before one plan
DHT_BOOTSTRAP: Final = 64  # configured addresses
DHT_STATE_CONTACTS: Final = 400  # contacts kept on disk
