# Written by Pintail for a test of an artifact: keeps this machine's modules out of it. It loads nothing itself.
package PintailSeal;
my %instead = (
INSTEAD);
my @kept = grep { !ref && !$instead{$_} } @INC;
my @early;
for my $file (grep { defined $INC{$_} && $_ ne 'PintailSeal.pm' } keys %INC) {
    for my $folder (grep { !index $INC{$file}, "$_/" } keys %instead) {
        # One that Perl has too, in another version, is not lacking.
        push @early, $file unless grep { -e "$_/$file" } @{ $instead{$folder} }, @kept;
    }
}
if (@early) {
    # Of those that came with each other the one that was asked for.
    my %named;
    if (open my $line, '<', "/proc/$$/cmdline") {
        local $/ = "\0";
        while (my $word = <$line>) {
            next unless $word =~ /^-[mM]-?([A-Za-z0-9_:]+)/;
            (my $file = "$1.pm") =~ s{::}{/}g;
            $named{$file} = 1;
        }
    }
    my ($first) = sort { !$named{$a} <=> !$named{$b} || length $a <=> length $b || $a cmp $b } @early;
    die "Can't locate $first in \@INC (it was loaded by -M from $INC{$first}, which is kept out)\n";
}
@INC = map { !ref && $instead{$_} ? @{ $instead{$_} } : $_ } @INC;
1;
