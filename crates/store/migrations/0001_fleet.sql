-- Times are microseconds since 1970 UTC, truth values 0 or 1. A column NAME_key holds NAME as it is compared:
-- trimmed and in lower case.

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    password TEXT,
    force_password_reset INTEGER NOT NULL DEFAULT 0,
    gravatar_url TEXT NOT NULL DEFAULT '',
    position TEXT NOT NULL DEFAULT '',
    sso_enabled INTEGER NOT NULL DEFAULT 0,
    global_role TEXT,
    api_only INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE teams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL DEFAULT '',
    agent_options TEXT,
    webhook_settings TEXT NOT NULL DEFAULT '{}'
);

CREATE TABLE user_teams (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    team_id INTEGER NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    PRIMARY KEY (user_id, team_id)
);
CREATE INDEX user_teams_team ON user_teams (team_id);

-- Only hashes of what lets somebody in are kept.
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    accessed_at INTEGER NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE password_resets (
    token_hash BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
);
CREATE INDEX password_resets_user ON password_resets (user_id);

CREATE TABLE email_changes (
    token_hash BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    new_email TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);

CREATE TABLE invites (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    invited_by INTEGER NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    position TEXT NOT NULL DEFAULT '',
    token_hash BLOB NOT NULL UNIQUE,
    sso_enabled INTEGER NOT NULL DEFAULT 0,
    global_role TEXT,
    -- [{"id": 1, "role": "observer"}]
    teams TEXT NOT NULL DEFAULT '[]'
);

CREATE TABLE enroll_secrets (
    secret TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    team_id INTEGER REFERENCES teams (id) ON DELETE CASCADE
);

CREATE TABLE hosts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    osquery_host_id TEXT NOT NULL UNIQUE,
    node_key_hash BLOB UNIQUE,
    seen_time INTEGER NOT NULL,
    detail_updated_at INTEGER NOT NULL,
    label_updated_at INTEGER NOT NULL,
    policy_updated_at INTEGER NOT NULL,
    last_enrolled_at INTEGER NOT NULL,
    refetch_requested INTEGER NOT NULL DEFAULT 0,
    hostname TEXT NOT NULL DEFAULT '',
    uuid TEXT NOT NULL DEFAULT '',
    platform TEXT NOT NULL DEFAULT '',
    osquery_version TEXT NOT NULL DEFAULT '',
    os_version TEXT NOT NULL DEFAULT '',
    build TEXT NOT NULL DEFAULT '',
    platform_like TEXT NOT NULL DEFAULT '',
    code_name TEXT NOT NULL DEFAULT '',
    uptime INTEGER NOT NULL DEFAULT 0,
    memory INTEGER NOT NULL DEFAULT 0,
    cpu_type TEXT NOT NULL DEFAULT '',
    cpu_subtype TEXT NOT NULL DEFAULT '',
    cpu_brand TEXT NOT NULL DEFAULT '',
    cpu_physical_cores INTEGER NOT NULL DEFAULT 0,
    cpu_logical_cores INTEGER NOT NULL DEFAULT 0,
    hardware_vendor TEXT NOT NULL DEFAULT '',
    hardware_model TEXT NOT NULL DEFAULT '',
    hardware_version TEXT NOT NULL DEFAULT '',
    hardware_serial TEXT NOT NULL DEFAULT '',
    computer_name TEXT NOT NULL DEFAULT '',
    public_ip TEXT NOT NULL DEFAULT '',
    primary_ip TEXT NOT NULL DEFAULT '',
    primary_mac TEXT NOT NULL DEFAULT '',
    distributed_interval INTEGER NOT NULL DEFAULT 0,
    config_tls_refresh INTEGER NOT NULL DEFAULT 0,
    logger_tls_period INTEGER NOT NULL DEFAULT 0,
    team_id INTEGER REFERENCES teams (id) ON DELETE SET NULL,
    additional TEXT,
    gigs_disk_space_available REAL NOT NULL DEFAULT 0,
    percent_disk_space_available REAL NOT NULL DEFAULT 0
);
CREATE INDEX hosts_team ON hosts (team_id);
CREATE INDEX hosts_hostname ON hosts (hostname);
CREATE INDEX hosts_uuid ON hosts (uuid);

CREATE TABLE host_users (
    host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    uid INTEGER NOT NULL,
    username TEXT NOT NULL,
    type TEXT NOT NULL,
    groupname TEXT NOT NULL,
    shell TEXT NOT NULL,
    PRIMARY KEY (host_id, uid, username)
);

-- Mail addresses that agents found on a host, by the program that knew them.
CREATE TABLE host_emails (
    host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (host_id, email, source)
);

CREATE TABLE host_mdm (
    host_id INTEGER PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
    enrolled INTEGER NOT NULL,
    server_url TEXT NOT NULL,
    installed_from_dep INTEGER NOT NULL
);

CREATE TABLE host_munki (
    host_id INTEGER PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
    version TEXT NOT NULL
);

CREATE TABLE software (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    source TEXT NOT NULL,
    release TEXT NOT NULL,
    vendor TEXT NOT NULL,
    arch TEXT NOT NULL,
    bundle_identifier TEXT NOT NULL DEFAULT '',
    UNIQUE (name, version, source, release, vendor, arch)
);

CREATE TABLE host_software (
    host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    software_id INTEGER NOT NULL REFERENCES software (id) ON DELETE CASCADE,
    last_opened_at INTEGER,
    PRIMARY KEY (host_id, software_id)
);
CREATE INDEX host_software_software ON host_software (software_id);

CREATE TABLE labels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    query TEXT NOT NULL,
    platform TEXT NOT NULL,
    label_type TEXT NOT NULL,
    label_membership_type TEXT NOT NULL
);

CREATE TABLE label_membership (
    label_id INTEGER NOT NULL REFERENCES labels (id) ON DELETE CASCADE,
    host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    PRIMARY KEY (label_id, host_id)
);
CREATE INDEX label_membership_host ON label_membership (host_id);

CREATE TABLE queries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    query TEXT NOT NULL,
    saved INTEGER NOT NULL,
    observer_can_run INTEGER NOT NULL DEFAULT 0,
    author_id INTEGER REFERENCES users (id) ON DELETE SET NULL
);

CREATE TABLE packs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL DEFAULT '',
    platform TEXT NOT NULL DEFAULT '',
    disabled INTEGER NOT NULL DEFAULT 0,
    -- NULL for packs of users, 'global', or 'team-<id>'
    type TEXT UNIQUE
);

-- kind: 0 label, 1 host, 2 team
CREATE TABLE pack_targets (
    pack_id INTEGER NOT NULL REFERENCES packs (id) ON DELETE CASCADE,
    kind INTEGER NOT NULL,
    target_id INTEGER NOT NULL,
    PRIMARY KEY (pack_id, kind, target_id)
);
CREATE INDEX pack_targets_target ON pack_targets (kind, target_id);

CREATE TABLE scheduled_queries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    pack_id INTEGER NOT NULL REFERENCES packs (id) ON DELETE CASCADE,
    query_id INTEGER NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    interval INTEGER NOT NULL,
    snapshot INTEGER,
    removed INTEGER,
    platform TEXT,
    version TEXT,
    shard INTEGER,
    denylist INTEGER,
    UNIQUE (pack_id, name)
);
CREATE INDEX scheduled_queries_query ON scheduled_queries (query_id);

CREATE TABLE scheduled_query_stats (
    host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    scheduled_query_id INTEGER NOT NULL REFERENCES scheduled_queries (id) ON DELETE CASCADE,
    average_memory INTEGER NOT NULL,
    denylisted INTEGER NOT NULL,
    executions INTEGER NOT NULL,
    interval INTEGER NOT NULL,
    last_executed INTEGER NOT NULL,
    output_size INTEGER NOT NULL,
    system_time INTEGER NOT NULL,
    user_time INTEGER NOT NULL,
    wall_time INTEGER NOT NULL,
    PRIMARY KEY (host_id, scheduled_query_id)
);
CREATE INDEX scheduled_query_stats_query ON scheduled_query_stats (scheduled_query_id);

CREATE TABLE policies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    query TEXT NOT NULL,
    description TEXT NOT NULL,
    resolution TEXT,
    platform TEXT NOT NULL,
    author_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
    team_id INTEGER REFERENCES teams (id) ON DELETE CASCADE
);
CREATE INDEX policies_team ON policies (team_id);

-- What an hourly job counts from scheduled_query_stats. kind: 0 query, 1 scheduled query
CREATE TABLE query_stats (
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    system_time_p50 REAL,
    system_time_p95 REAL,
    user_time_p50 REAL,
    user_time_p95 REAL,
    total_executions INTEGER,
    PRIMARY KEY (kind, id)
);

-- passes: NULL while the query has not answered
CREATE TABLE policy_membership (
    policy_id INTEGER NOT NULL REFERENCES policies (id) ON DELETE CASCADE,
    host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    passes INTEGER,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (policy_id, host_id)
);
CREATE INDEX policy_membership_host ON policy_membership (host_id);

-- status: 0 waiting, 1 running, 2 complete
CREATE TABLE campaigns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    query_id INTEGER NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
    status INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    targets_count INTEGER NOT NULL
);
CREATE INDEX campaigns_status ON campaigns (status);

CREATE TABLE carves (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    host_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    block_count INTEGER NOT NULL,
    block_size INTEGER NOT NULL,
    carve_size INTEGER NOT NULL,
    carve_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    session_id TEXT NOT NULL UNIQUE,
    expired INTEGER NOT NULL DEFAULT 0,
    max_block INTEGER NOT NULL DEFAULT -1
);
CREATE INDEX carves_created ON carves (created_at);

CREATE TABLE activities (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
    user_name TEXT NOT NULL,
    type TEXT NOT NULL,
    details TEXT
);

-- What hourly jobs count, so that lists need not.
CREATE TABLE software_counts (
    software_id INTEGER NOT NULL REFERENCES software (id) ON DELETE CASCADE,
    -- 0: all hosts
    team_id INTEGER NOT NULL,
    hosts_count INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (software_id, team_id)
);

INSERT INTO labels (id, created_at, updated_at, name, name_key, description, query, platform, label_type, label_membership_type) VALUES
    (6, 0, 0, 'All Hosts', 'all hosts', 'All hosts which have enrolled in Fleet', 'select 1;', '', 'builtin', 'dynamic'),
    (7, 0, 0, 'macOS', 'macos', 'All macOS hosts', 'select 1 from os_version where platform = ''darwin'';', '', 'builtin', 'dynamic'),
    (8, 0, 0, 'Ubuntu Linux', 'ubuntu linux', 'All Ubuntu hosts', 'select 1 from os_version where platform = ''ubuntu'';', '', 'builtin', 'dynamic'),
    (9, 0, 0, 'CentOS Linux', 'centos linux', 'All CentOS hosts', 'select 1 from os_version where platform = ''centos'' or name like ''%centos%''', '', 'builtin', 'dynamic'),
    (10, 0, 0, 'MS Windows', 'ms windows', 'All Windows hosts', 'select 1 from os_version where platform = ''windows'';', '', 'builtin', 'dynamic'),
    (11, 0, 0, 'Red Hat Linux', 'red hat linux', 'All Red Hat Enterprise Linux hosts', 'SELECT 1 FROM os_version WHERE name LIKE ''%red hat%''', '', 'builtin', 'dynamic'),
    (12, 0, 0, 'All Linux', 'all linux', 'All Linux distributions', 'SELECT 1 FROM osquery_info WHERE build_platform LIKE ''%ubuntu%'' OR build_distro LIKE ''%centos%'';', '', 'builtin', 'dynamic');
