# Runs one command after another for tests.harness.machines.agents, in a session of its own each, as the engine's own `exec` does.
# Perl is in every Debian machine, however bare.
#
# Asked on standard input: the user's name or nothing, "1" if there is input, the input, the number of words, the words.
# Answered on standard output: that it begins; then the exit status, what the command wrote, and its errors.
# Before each piece is its length, four bytes.
use strict;
use POSIX ();

$0 = 'agent';
$SIG{PIPE} = 'IGNORE';
$SIG{CHLD} = sub { };
$| = 1;
binmode $_ for *STDIN, *STDOUT;

sub taken {
    (read(STDIN, my $head, 4) || 0) == 4 or exit;
    my ($length, $piece) = (unpack('N', $head), '');
    !$length or (read(STDIN, $piece, $length) || 0) == $length or exit;
    return $piece;
}
sub given { print map { pack('N', length) . $_ } @_ }

sub become {
    my ($name) = @_;
    my ($uid, $gid, $home) = (getpwnam $name)[2, 3, 7];
    defined $uid or print(STDERR "no user $name\n"), POSIX::_exit(126);
    my @groups;
    while (my (undef, undef, $group, $members) = getgrent) { push @groups, $group if grep { $_ eq $name } split ' ', $members }
    $) = "$gid $gid @groups";
    POSIX::setgid($gid);
    POSIX::setuid($uid);
    $ENV{HOME} = $home;
}

given('ready');
while (1) {
    my ($user, $has, $input) = (taken(), taken(), taken());
    my @words = map { taken() } 1 .. taken();
    given('begun');
    pipe(my $in, my $feed);
    pipe(my $out, my $writes);
    pipe(my $err, my $complains);
    my $pid = fork;
    if (!$pid) {
        POSIX::setsid();
        $SIG{$_} = 'DEFAULT' for 'PIPE', 'CHLD';
        open $in, '<', '/dev/null' if !$has;
        POSIX::dup2(fileno $in, 0);
        POSIX::dup2(fileno $writes, 1);
        POSIX::dup2(fileno $complains, 2);
        become($user) if $user ne '';
        exec { $words[0] } @words;
        syswrite STDERR, "$words[0]: $!\n";
        POSIX::_exit(127);
    }
    close $_ for $in, $writes, $complains;
    my ($flags, $at, $status, $late) = (fcntl($feed, 3, 0), 0);
    fcntl($feed, 4, $flags | POSIX::O_NONBLOCK);
    my %open = (out => $out, err => $err);
    my %said = (out => '', err => '');
    while (1) {
        $status = $? if !defined $status && waitpid($pid, POSIX::WNOHANG) == $pid;
        if (!%open) {
            waitpid($pid, 0), $status = $? if !defined $status;
            last;
        }
        if ($feed && $at >= length $input) { close $feed; undef $feed }
        my ($read, $write) = ('', '');
        vec($read, fileno $_, 1) = 1 for values %open;
        vec($write, fileno $feed, 1) = 1 if $feed;
        # What was started in the background may have the pipes for long: nobody waits for it.
        my $ready = select($read, $write, undef, defined $status ? 0 : 0.2);
        last if defined $status && ($ready <= 0 || time > ($late ||= time + 1));
        next if $ready <= 0;
        for my $name (keys %open) {
            next if !vec($read, fileno $open{$name}, 1);
            my $got = sysread $open{$name}, $said{$name}, 65536, length $said{$name};
            close delete $open{$name} if !$got;
        }
        if ($feed && vec($write, fileno $feed, 1)) {
            my $sent = syswrite $feed, $input, 65536, $at;
            if (defined $sent) { $at += $sent }
            elsif (!$!{EAGAIN} && !$!{EINTR}) { close $feed; undef $feed }
        }
    }
    given($status & 127 ? 128 + ($status & 127) : $status >> 8, @said{'out', 'err'});
}
