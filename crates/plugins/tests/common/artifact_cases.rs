//! Artifacts that read files: what the files hold, and the rows that follow. `@/` is the directory of the test.

/// An artifact, files that it reads, what to ask it, and the rows it then gives.
pub struct Case {
    pub name: &'static str,
    pub files: &'static [(&'static str, &'static str)],
    pub query: &'static str,
    pub rows: &'static str,
}

pub const CASES: &[Case] = &[
    Case {
        name: "Generic.Files.Find",
        files: &[
            ("a/one.sh", "#!/bin/sh\nsecret\n"),
            ("a/two.sh", "#!/bin/sh\n"),
            ("a/b/three.sh", "secret"),
        ],
        query: r#"SELECT OSPath, Size, Mode, Mtime, Hash.MD5 AS MD5, Upload
                 FROM Artifact.Generic.Files.Find(Globs='Glob\n@/a/*.sh', ContentRegex='secret', WithHash='Y')"#,
        rows: r#"[{"OSPath":"@/a/one.sh","Size":17,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","MD5":"3d100ac773c8d7d148c14e10dd59fb82","Upload":null}]"#,
    },
    Case {
        name: "Generic.Files.Find",
        files: &[("a/one", "1"), ("a/two", "22"), ("a/three", "333")],
        query: r#"LET Later = SELECT * FROM Artifact.Generic.Files.Find(
                   Globs='Glob\n@/a/*', ModifiedAfter='2026-01-02T03:04:06Z')
                 SELECT OSPath.Basename AS N, Hash, len(list=Later) AS Later FROM Artifact.Generic.Files.Find(
                   Globs='Glob\n@/a/*', MinSize=2, MaxSize='2', ModifiedAfter='2026-01-02T03:04:04Z')"#,
        rows: r#"[{"N":"two","Hash":null,"Later":0}]"#,
    },
    Case {
        name: "Generic.Files.Hashes",
        files: &[("a/one", "hello"), ("a/b/two", "hello\n"), ("a/three", "bye")],
        query: r#"SELECT * FROM Artifact.Generic.Files.Hashes(
                   Globs='Glob\n@/a/**', Digests='Digest\n5D41402ABC4B2A76B9719D911017C592\n')"#,
        rows: r#"[{"OSPath":"@/a/one","Size":5,"Mtime":"2026-01-02T03:04:05Z","MD5":"5d41402abc4b2a76b9719d911017c592","SHA1":"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d","SHA256":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","_Source":"Generic.Files.Hashes"}]"#,
    },
    Case {
        name: "Generic.Files.Hashes",
        files: &[("a/one", "hello"), ("a/b/two", "hello\n"), ("a/three", "bye")],
        query: r#"SELECT OSPath.Basename AS N FROM Artifact.Generic.Files.Hashes(Globs='Glob\n@/a/**', MaxSize=5) ORDER BY N"#,
        rows: r#"[{"N":"one"},{"N":"three"}]"#,
    },
    Case {
        name: "Generic.Server.Artifacts",
        files: &[],
        query: "SELECT * FROM Artifact.Generic.Server.Artifacts(NameRegex='Sys.Crontab')",
        rows: r#"[{"Name":"Linux.Sys.Crontab","Type":"CLIENT","Description":"Commands that cron runs: of the system, and of each user.\n","Parameters":["SystemGlobs","UserGlobs","ScriptGlobs"],"Sources":["SystemTables","UserTables","Scripts"],"BuiltIn":true,"_Source":"Generic.Server.Artifacts"}]"#,
    },
    Case {
        name: "Linux.Detection.Preload",
        files: &[
            ("ld.so.preload", "@/evil.so\n\n@/gone.so\n"),
            ("evil.so", "x"),
            ("proc/42/environ", "HOME=/\0LD_PRELOAD=/tmp/hook.so\0A=1\0"),
            ("proc/43/environ", "HOME=/\0MY_LD_PRELOAD=/tmp/hook.so\0"),
            ("proc/44/environ", "LD_AUDIT=a.so\0"),
            ("proc/45/environ", ""),
            ("proc/self/environ", "LD_PRELOAD=no\0"),
        ],
        query: "SELECT * FROM Artifact.Linux.Detection.Preload(
                  PreloadFile='@/ld.so.preload', EnvironGlob='@/proc/[0-9]*/environ')",
        rows: r#"[{"Library":"@/evil.so","Mtime":"2026-01-02T03:04:05Z","OSPath":"@/ld.so.preload","_Source":"Linux.Detection.Preload/System"},{"Library":"@/gone.so","Mtime":null,"OSPath":"@/ld.so.preload","_Source":"Linux.Detection.Preload/System"},{"Pid":42,"Variable":"LD_PRELOAD","Value":"/tmp/hook.so","_Source":"Linux.Detection.Preload/Processes"},{"Pid":44,"Variable":"LD_AUDIT","Value":"a.so","_Source":"Linux.Detection.Preload/Processes"}]"#,
    },
    Case {
        name: "Linux.Detection.Preload",
        files: &[],
        query: "SELECT * FROM Artifact.Linux.Detection.Preload(PreloadFile='@/none', EnvironGlob='@/none/*')",
        rows: "[]",
    },
    Case {
        name: "Linux.Detection.ProgramsInOddPlaces",
        files: &[
            ("odd/elf", "\x7fELF and more"),
            ("odd/deep/script", "#!/bin/sh\n"),
            ("odd/text", "hello"),
            ("odd/empty", ""),
        ],
        query: r#"SELECT OSPath, Size, Mode, Mtime, Hash.MD5 AS MD5, Upload
                 FROM Artifact.Linux.Detection.ProgramsInOddPlaces(Globs='Glob\n@/odd/**') ORDER BY OSPath"#,
        rows: r#"[{"OSPath":"@/odd/deep/script","Size":10,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","MD5":"3e2b31c72181b87149ff995e7202c0e3","Upload":null},{"OSPath":"@/odd/elf","Size":13,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","MD5":"4fea653ef21d841aacda332fcf69bfa4","Upload":null}]"#,
    },
    Case {
        name: "Linux.Detection.RecentChanges",
        files: &[("etc/a", "1"), ("etc/b", "22")],
        query: r#"LET Later = SELECT * FROM Artifact.Linux.Detection.RecentChanges(Globs='Glob\n@/etc/*', Hours=-1)
                 SELECT OSPath, Size, Mode, Mtime, len(list=Later) AS Later FROM Artifact.Linux.Detection.RecentChanges(Globs='Glob\n@/etc/*')
                 ORDER BY OSPath"#,
        rows: r#"[{"OSPath":"@/etc/a","Size":1,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Later":0},{"OSPath":"@/etc/b","Size":2,"Mode":"-rw-r--r--","Mtime":"2026-01-02T03:04:05Z","Later":0}]"#,
    },
    Case {
        name: "Linux.Logs.SSHLogins",
        files: &[
            (
                "log/auth.log",
                "Jan  2 10:00:01 box sshd[12]: Accepted publickey for root from 192.0.2.1 port 4242 ssh2: RSA SHA256:x\n\
                 Jan 12 10:00:01 box CRON[13]: pam_unix(cron:session): session opened\n\
                 2026-01-02T03:04:05.123456+01:00 box sshd-session[14]: Failed password for invalid user admin from 2001:db8::1 port 99 ssh2\n",
            ),
            (
                "log/auth.log.2.gz",
                "Dec 31 23:59:59 box sshd[7]: Failed password for fred from 192.0.2.7 port 1 ssh2\n",
            ),
        ],
        query: r#"SELECT * FROM Artifact.Linux.Logs.SSHLogins(LogGlobs='Glob\n@/log/auth.log*')"#,
        rows: r#"[{"Time":"Jan  2 10:00:01","Host":"box","Result":"Accepted","Method":"publickey","User":"root","Address":"192.0.2.1","Port":4242,"OSPath":"@/log/auth.log","_Source":"Linux.Logs.SSHLogins"},{"Time":"2026-01-02T03:04:05.123456+01:00","Host":"box","Result":"Failed","Method":"password","User":"admin","Address":"2001:db8::1","Port":99,"OSPath":"@/log/auth.log","_Source":"Linux.Logs.SSHLogins"},{"Time":"Dec 31 23:59:59","Host":"box","Result":"Failed","Method":"password","User":"fred","Address":"192.0.2.7","Port":1,"OSPath":"@/log/auth.log.2.gz","_Source":"Linux.Logs.SSHLogins"}]"#,
    },
    Case {
        name: "Linux.Logs.SSHLogins",
        files: &[(
            "auth.log",
            "Jan  2 10:00:01 box sshd[1]: Accepted password for root from 192.0.2.1 port 1 ssh2\n",
        )],
        query: r#"SELECT * FROM Artifact.Linux.Logs.SSHLogins(LogGlobs='Glob\n@/auth.log', UserRegex='fred')"#,
        rows: "[]",
    },
    Case {
        name: "Linux.Logs.Search",
        files: &[
            ("log/a.log", "fine\nan ERROR here\n"),
            ("log/sub/b.log.1", "error two\n"),
            ("log/c.gz", "packed error\nfine\n"),
            ("log/syslog", "error of all\n"),
        ],
        query: r#"SELECT * FROM Artifact.Linux.Logs.Search(
                   LogGlobs='Glob\n@/log/**/*.log\n@/log/**/*.log.[0-9]\n@/log/**/*.gz\n"@/log/{syslog,messages}*"\n')
                 ORDER BY OSPath"#,
        rows: r#"[{"OSPath":"@/log/a.log","Line":"an ERROR here","_Source":"Linux.Logs.Search"},{"OSPath":"@/log/c.gz","Line":"packed error","_Source":"Linux.Logs.Search"},{"OSPath":"@/log/sub/b.log.1","Line":"error two","_Source":"Linux.Logs.Search"},{"OSPath":"@/log/syslog","Line":"error of all","_Source":"Linux.Logs.Search"}]"#,
    },
    Case {
        name: "Linux.Network.Hosts",
        files: &[(
            "hosts",
            "# names\n127.0.0.1\tlocalhost\n\n192.0.2.9  a.example  a # the a\n::1 ip6-localhost\n",
        )],
        query: "SELECT * FROM Artifact.Linux.Network.Hosts(HostsFile='@/hosts')",
        rows: r#"[{"Address":"127.0.0.1","Names":["localhost"],"_Source":"Linux.Network.Hosts"},{"Address":"192.0.2.9","Names":["a.example","a"],"_Source":"Linux.Network.Hosts"},{"Address":"::1","Names":["ip6-localhost"],"_Source":"Linux.Network.Hosts"}]"#,
    },
    Case {
        name: "Linux.Sys.AuthorizedKeys",
        files: &[(
            "fred/.ssh/authorized_keys",
            "# keys\n\nssh-ed25519 AAAAC3Nz fred@box with words\n\
             from=\"192.0.2.0/24\",command=\"/bin/echo ssh-rsa\" ecdsa-sha2-nistp256 AAAAE2Vj=\n\
             sk-ssh-ed25519@openssh.com AAAAGnNr token\nnonsense\n",
        )],
        query: r#"SELECT * FROM Artifact.Linux.Sys.AuthorizedKeys(KeyGlobs='Glob\n@/*/.ssh/authorized_keys*')"#,
        rows: r#"[{"OSPath":"@/fred/.ssh/authorized_keys","Type":"ssh-ed25519","Comment":"fred@box with words","Options":"","Key":"AAAAC3Nz","_Source":"Linux.Sys.AuthorizedKeys"},{"OSPath":"@/fred/.ssh/authorized_keys","Type":"ecdsa-sha2-nistp256","Comment":"","Options":"from=\"192.0.2.0/24\",command=\"/bin/echo ssh-rsa\"","Key":"AAAAE2Vj=","_Source":"Linux.Sys.AuthorizedKeys"},{"OSPath":"@/fred/.ssh/authorized_keys","Type":"sk-ssh-ed25519@openssh.com","Comment":"token","Options":"","Key":"AAAAGnNr","_Source":"Linux.Sys.AuthorizedKeys"}]"#,
    },
    Case {
        name: "Linux.Sys.Crontab",
        files: &[
            (
                "crontab",
                "# m h dom mon dow user command\nSHELL=/bin/sh\nPATH = /bin\n17 *\t* * *\troot    cd / && run-parts /etc/cron.hourly\n\
                 */5 0-6,12 * jan MON-FRI fred echo a=b\n@reboot root /sbin/start now\n",
            ),
            ("spool/fred", "1 2 3 4 5 tidy --all\n@daily backup\n\n"),
            ("daily/logrotate", "#!/bin/sh\n"),
        ],
        query: r#"SELECT * FROM Artifact.Linux.Sys.Crontab(SystemGlobs='Glob\n@/crontab\n@/cron.d/*\n',
                   UserGlobs='Glob\n@/spool/*', ScriptGlobs='Glob\n@/daily/*')"#,
        rows: r#"[{"OSPath":"@/crontab","Schedule":"17 *\t* * *","User":"root","Command":"cd / \u0026\u0026 run-parts /etc/cron.hourly","_Source":"Linux.Sys.Crontab/SystemTables"},{"OSPath":"@/crontab","Schedule":"*/5 0-6,12 * jan MON-FRI","User":"fred","Command":"echo a=b","_Source":"Linux.Sys.Crontab/SystemTables"},{"OSPath":"@/crontab","Schedule":"@reboot","User":"root","Command":"/sbin/start now","_Source":"Linux.Sys.Crontab/SystemTables"},{"OSPath":"@/spool/fred","Schedule":"1 2 3 4 5","User":"fred","Command":"tidy --all","_Source":"Linux.Sys.Crontab/UserTables"},{"OSPath":"@/spool/fred","Schedule":"@daily","User":"fred","Command":"backup","_Source":"Linux.Sys.Crontab/UserTables"},{"OSPath":"@/daily/logrotate","Mtime":"2026-01-02T03:04:05Z","Size":10,"_Source":"Linux.Sys.Crontab/Scripts"}]"#,
    },
    Case {
        name: "Linux.Sys.DebianPackages",
        files: &[(
            "status",
            "Package: adduser\nStatus: install ok installed\nPriority: important\nArchitecture: all\nMulti-Arch: foreign\nVersion: 3.134\nDepends: passwd\nDescription: add users\n more words\n\n\
             Package: odd\nEssential: yes\nStatus: deinstall ok config-files\nVersion: 1:2~rc\nArchitecture: amd64\nDescription: order differs\n\n\
             Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2.13\n",
        )],
        query: "SELECT * FROM Artifact.Linux.Sys.DebianPackages(StatusFile='@/status')",
        rows: r#"[{"Package":"adduser","Version":"3.134","Architecture":"all","Status":"install ok installed","_Source":"Linux.Sys.DebianPackages"},{"Package":"odd","Version":"1:2~rc","Architecture":"amd64","Status":"deinstall ok config-files","_Source":"Linux.Sys.DebianPackages"},{"Package":"zlib1g","Version":"1:1.2.13","Architecture":"amd64","Status":"install ok installed","_Source":"Linux.Sys.DebianPackages"}]"#,
    },
    Case {
        name: "Linux.Sys.Groups",
        files: &[("group", "root:x:0:\nsudo:x:27:fred,anna\n")],
        query: "SELECT * FROM Artifact.Linux.Sys.Groups(GroupFile='@/group')",
        rows: r#"[{"Group":"root","Gid":0,"Members":[],"_Source":"Linux.Sys.Groups"},{"Group":"sudo","Gid":27,"Members":["fred","anna"],"_Source":"Linux.Sys.Groups"}]"#,
    },
    Case {
        name: "Linux.Sys.KernelModules",
        files: &[(
            "modules",
            "ext4 1130496 1 - Live 0xffffffffc0a3e000\nmbcache 16384 1 ext4, Live 0x0000000000000000\n\
             evil 4096 0 - Live 0x0000000000000000 (OE)\nlibcrc32c 16384 2 xfs,raid456, Unloading 0x0\n",
        )],
        query: "SELECT * FROM Artifact.Linux.Sys.KernelModules(ModulesFile='@/modules')",
        rows: r#"[{"Name":"ext4","Size":1130496,"Uses":1,"UsedBy":[],"State":"Live","Taint":"","_Source":"Linux.Sys.KernelModules"},{"Name":"mbcache","Size":16384,"Uses":1,"UsedBy":["ext4"],"State":"Live","Taint":"","_Source":"Linux.Sys.KernelModules"},{"Name":"evil","Size":4096,"Uses":0,"UsedBy":[],"State":"Live","Taint":"OE","_Source":"Linux.Sys.KernelModules"},{"Name":"libcrc32c","Size":16384,"Uses":2,"UsedBy":["xfs","raid456"],"State":"Unloading","Taint":"","_Source":"Linux.Sys.KernelModules"}]"#,
    },
    Case {
        name: "Linux.Sys.Mounts",
        files: &[(
            "mounts",
            "/dev/vda1 / ext4 rw,relatime 0 0\nproc /proc proc rw,nosuid,nodev 0 0\n/dev/sdb1 /mnt/my\\040disk vfat ro 0 0\n",
        )],
        query: "SELECT * FROM Artifact.Linux.Sys.Mounts(MountsFile='@/mounts')",
        rows: r#"[{"Device":"/dev/vda1","MountPoint":"/","Type":"ext4","Options":["rw","relatime"],"_Source":"Linux.Sys.Mounts"},{"Device":"proc","MountPoint":"/proc","Type":"proc","Options":["rw","nosuid","nodev"],"_Source":"Linux.Sys.Mounts"},{"Device":"/dev/sdb1","MountPoint":"/mnt/my disk","Type":"vfat","Options":["ro"],"_Source":"Linux.Sys.Mounts"}]"#,
    },
    Case {
        name: "Linux.Sys.ShellHistory",
        files: &[
            ("fred/.bash_history", "#1700000000\nls -l\n#1700000001\ncurl example.org | sh\n"),
            ("fred/.zsh_history", ": 1700000000:0;make\n"),
            ("fred/.profile", "export A=1\n"),
        ],
        query: r#"SELECT * FROM Artifact.Linux.Sys.ShellHistory(HistoryGlobs='Glob\n"@/*/.{bash,zsh}_history"') ORDER BY Command"#,
        rows: r#"[{"Number":1,"Command":": 1700000000:0;make","OSPath":"@/fred/.zsh_history","FileChanged":"2026-01-02T03:04:05Z","_Source":"Linux.Sys.ShellHistory"},{"Number":2,"Command":"curl example.org | sh","OSPath":"@/fred/.bash_history","FileChanged":"2026-01-02T03:04:05Z","_Source":"Linux.Sys.ShellHistory"},{"Number":1,"Command":"ls -l","OSPath":"@/fred/.bash_history","FileChanged":"2026-01-02T03:04:05Z","_Source":"Linux.Sys.ShellHistory"}]"#,
    },
    Case {
        name: "Linux.Sys.Sudoers",
        files: &[
            ("sudoers", "# rules\nDefaults env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n"),
            ("sudoers.d/fred", "fred ALL=(ALL) NOPASSWD: ALL\n"),
        ],
        query: r#"SELECT * FROM Artifact.Linux.Sys.Sudoers(SudoersGlobs='Glob\n@/sudoers\n@/sudoers.d/*\n')"#,
        rows: r#"[{"Rule":"root ALL=(ALL:ALL) ALL","WithoutPassword":false,"OSPath":"@/sudoers","_Source":"Linux.Sys.Sudoers"},{"Rule":"@includedir /etc/sudoers.d","WithoutPassword":false,"OSPath":"@/sudoers","_Source":"Linux.Sys.Sudoers"},{"Rule":"fred ALL=(ALL) NOPASSWD: ALL","WithoutPassword":true,"OSPath":"@/sudoers.d/fred","_Source":"Linux.Sys.Sudoers"}]"#,
    },
    Case {
        name: "Linux.Sys.SystemdUnits",
        files: &[
            (
                "units/backup.service",
                "[Unit]\nDescription=Nightly backup\n\n[Service]\nType=oneshot\nExecStartPre=/bin/check\nExecStart=/bin/prepare --now=1\nExecStart = /bin/backup\nUser=fred\n\n[Install]\nWantedBy=multi-user.target\n",
            ),
            ("units/sub/backup.timer", "[Timer]\nOnCalendar=daily\nPersistent=true\n"),
            ("units/empty.service", ""),
            ("units/other.socket", "[Unit]\nDescription=no\n"),
        ],
        query: r#"SELECT * FROM Artifact.Linux.Sys.SystemdUnits(UnitGlobs='Glob\n"@/units/**/*.{service,timer}"') ORDER BY OSPath"#,
        rows: r#"[{"OSPath":"@/units/backup.service","Mtime":"2026-01-02T03:04:05Z","Description":"Nightly backup","ExecStartPre":["/bin/check"],"ExecStart":["/bin/prepare --now=1","/bin/backup"],"User":"fred","OnCalendar":[],"WantedBy":["multi-user.target"],"_Source":"Linux.Sys.SystemdUnits"},{"OSPath":"@/units/empty.service","Mtime":"2026-01-02T03:04:05Z","Description":null,"ExecStartPre":[],"ExecStart":[],"User":null,"OnCalendar":[],"WantedBy":[],"_Source":"Linux.Sys.SystemdUnits"},{"OSPath":"@/units/sub/backup.timer","Mtime":"2026-01-02T03:04:05Z","Description":null,"ExecStartPre":[],"ExecStart":[],"User":null,"OnCalendar":["daily"],"WantedBy":[],"_Source":"Linux.Sys.SystemdUnits"}]"#,
    },
    Case {
        name: "Linux.Sys.Users",
        files: &[(
            "passwd",
            "root:x:0:0:root:/root:/bin/bash\nfred:x:1000:1000:Fred,,,:/home/fred:/bin/sh\n",
        )],
        query: "SELECT * FROM Artifact.Linux.Sys.Users(PasswordFile='@/passwd')",
        rows: r#"[{"User":"root","Description":"root","Uid":"0","Gid":"0","Homedir":"/root","Shell":"/bin/bash","_Source":"Linux.Sys.Users"},{"User":"fred","Description":"Fred,,,","Uid":"1000","Gid":"1000","Homedir":"/home/fred","Shell":"/bin/sh","_Source":"Linux.Sys.Users"}]"#,
    },
];
