-- What a server of schema 1 had written. Ids are given by the database, in the order of the lines.
-- After every upgrade the test reads all of it; see src/db/migrate/tests.rs.

INSERT INTO settings (name, value) VALUES ('app_config', '{"org_info": {"org_name": "Example"}}');
INSERT INTO teams (created_at, name, name_key, agent_options) VALUES (1700000000000000, 'Blue', 'blue', '{"config": {}}');
-- The password is correct-horse1!
INSERT INTO users (created_at, updated_at, name, name_key, email, email_key, password, global_role) VALUES
    (1700000000000000, 1700000000000000, 'Ada', 'ada', 'Ada@example.org', 'ada@example.org', '$argon2id$v=19$m=19456,t=2,p=1$vqkcEjby4sBtaK1qLNvBXA$EFDxalVE/NVbIxGQ0Y1Tj+kMcSWgSKqY3h/Vn03BINc', 'admin');
INSERT INTO users (created_at, updated_at, name, name_key, email, email_key, password, api_only) VALUES
    (1700000000000001, 1700000000000001, 'Robot', 'robot', 'robot@example.org', 'robot@example.org', NULL, 1);
INSERT INTO user_teams (user_id, team_id, role) VALUES (2, 1, 'maintainer');
-- SHA-256 of "token"
INSERT INTO sessions (user_id, token_hash, created_at, accessed_at) VALUES
    (1, X'3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0', 1700000000000000, 1700000000000000);
INSERT INTO invites (created_at, updated_at, invited_by, email, email_key, name, name_key, token_hash, teams) VALUES
    (1700000000000000, 1700000000000000, 1, 'new@example.org', 'new@example.org', 'New', 'new', X'00ff', '[{"id": 1, "role": "observer"}]');
INSERT INTO enroll_secrets (secret, created_at, team_id) VALUES ('of all', 1700000000000000, NULL), ('of blue', 1700000000000000, 1);
INSERT INTO hosts (created_at, updated_at, osquery_host_id, node_key_hash, seen_time, detail_updated_at, label_updated_at,
    policy_updated_at, last_enrolled_at, hostname, platform, memory, team_id, additional, gigs_disk_space_available) VALUES
    (1700000000000000, 1700000000000000, 'host-1', X'0102', 1700000000000000, 0, 0, 0, 1700000000000000, 'one', 'ubuntu',
    8589934592, 1, '{"extra": [{"a": "1"}]}', 12.5);
INSERT INTO host_users (host_id, uid, username, type, groupname, shell) VALUES (1, 1000, 'fred', '', 'users', '/bin/sh');
INSERT INTO host_emails (host_id, email, source) VALUES (1, 'fred@example.org', 'google_chrome_profiles');
INSERT INTO software (name, version, source, release, vendor, arch) VALUES ('bash', '5.2', 'deb_packages', '', '', 'amd64');
INSERT INTO host_software (host_id, software_id) VALUES (1, 1);
INSERT INTO software_counts (software_id, team_id, hosts_count, updated_at) VALUES (1, 0, 1, 1700000000000000);
INSERT INTO labels (created_at, updated_at, name, name_key, description, query, platform, label_type, label_membership_type) VALUES
    (1700000000000000, 1700000000000000, 'Mine', 'mine', '', 'select 1', '', 'regular', 'manual');
INSERT INTO label_membership (label_id, host_id) VALUES (6, 1), (13, 1);
INSERT INTO queries (created_at, updated_at, name, name_key, description, query, saved, observer_can_run, author_id) VALUES
    (1700000000000000, 1700000000000000, 'Who', 'who', '', 'select * from users', 1, 1, 1);
INSERT INTO packs (created_at, updated_at, name, name_key, type) VALUES (1700000000000000, 1700000000000000, 'Global', 'global', 'global');
INSERT INTO pack_targets (pack_id, kind, target_id) VALUES (1, 0, 6);
INSERT INTO scheduled_queries (created_at, updated_at, pack_id, query_id, name, interval) VALUES (1700000000000000, 1700000000000000, 1, 1, 'Who', 60);
INSERT INTO scheduled_query_stats (host_id, scheduled_query_id, average_memory, denylisted, executions, interval, last_executed,
    output_size, system_time, user_time, wall_time) VALUES (1, 1, 1, 0, 2, 60, 1700000000, 3, 4, 5, 6);
INSERT INTO policies (created_at, updated_at, name, name_key, query, description, platform, author_id, team_id) VALUES
    (1700000000000000, 1700000000000000, 'Disk', 'disk', 'select 1', '', '', 1, NULL);
INSERT INTO policy_membership (policy_id, host_id, passes, updated_at) VALUES (1, 1, 0, 1700000000000000);
INSERT INTO campaigns (created_at, updated_at, query_id, status, user_id, targets_count) VALUES (1700000000000000, 1700000000000000, 1, 2, 1, 1);
INSERT INTO carves (created_at, host_id, name, block_count, block_size, carve_size, carve_id, request_id, session_id) VALUES
    (1700000000000000, 1, 'carve', 1, 10, 10, 'c', 'r', 's');
INSERT INTO activities (created_at, user_id, user_name, type, details) VALUES (1700000000000000, 1, 'Ada', 'created_pack', '{"pack_id": 1}');
