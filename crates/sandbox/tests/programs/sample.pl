use strict;
use HTTP::Tiny;
use POSIX qw(strftime);
$| = 1;
print strftime("clock %Y-%m-%d\n", gmtime);
for my $name ("kept", "deleted") {
    open(my $file, '>', "/tmp/$name.txt") or die $!;
    print $file "$name\n";
    close $file;
}
unlink "/tmp/deleted.txt" or die $!;
my $child = fork;
exit 0 if !$child;
waitpid $child, 0;
die unless HTTP::Tiny->new(timeout => 90)->get("http://plain.example/request")->{success};
# Perl's own library has no TLS.
system("curl", "-sS", "-m", "90", "-o", "/dev/null", "https://secret.example/request");
