-- What a user may do over gRPC besides what the global role brings along: an access control record as JSON, none when there is
-- none. The name in a client certificate is looked up in email_key.
ALTER TABLE users ADD COLUMN acl TEXT;
