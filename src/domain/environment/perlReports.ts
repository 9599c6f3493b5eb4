/** Converters from what test programs print to JUnit XML, in the Perl that every Debian has. */

const JUNIT = `use strict;
use warnings;
my @cases;
sub escaped { my ($text) = @_; $text =~ s/\\x1b\\[[0-9;]*[A-Za-z]//g; $text =~ s/[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]//g; $text =~ s/&/&amp;/g; $text =~ s/</&lt;/g; $text =~ s/>/&gt;/g; $text =~ s/"/&quot;/g; return $text }
sub add { my ($file, $class, $name, $kind, $head, $text) = @_; push @cases, [$file, $class, $name, $kind, $head, $text] }
sub write_report {
  my ($path) = @_;
  open(my $out, '>', $path) or die "$path: $!";
  print $out qq(<?xml version="1.0"?>\\n<testsuites><testsuite>\\n);
  for (@cases) {
    my ($file, $class, $name, $kind, $head, $text) = @$_;
    $text = substr($text, -60000) if length($text) > 60000;
    print $out '<testcase name="', escaped($name), '" classname="', escaped($class), '"', ($file ne '' ? (' file="', escaped($file), '"') : ()), '>';
    if ($kind eq 'skipped') { print $out '<skipped/>' }
    elsif ($kind ne '') { print $out "<$kind message=\\"", escaped($head), '">', escaped($text), "</$kind>" }
    print $out "</testcase>\\n";
  }
  print $out "</testsuite></testsuites>\\n";
}
sub lines_of { my ($path) = @_; open(my $in, '<', $path) or return (); my @lines = <$in>; return @lines }`

/**
 * `go test -json` of one folder after another, each after a line `# folder X`. What does not build is one test that
 * could not be run.
 */
export const GO_REPORT = `${JUNIT}
sub decoded { my ($text) = @_; $text =~ s/\\\\u00([0-9a-f]{2})/chr(hex($1))/gei; $text =~ s/\\\\n/\\n/g; $text =~ s/\\\\t/\\t/g; $text =~ s/\\\\r//g; $text =~ s/\\\\(.)/$1/g; return $text }
my ($from, $to) = @ARGV;
my ($folder, $build, %output, %ended) = ('', '');
sub close_folder {
  my $failed = 0;
  for my $name (sort keys %ended) {
    my $kind = $ended{$name};
    my $text = $output{$name} // '';
    $failed = 1 if $kind eq 'fail';
    # A failed test of Go's has failed a check, unless it panicked.
    my $head = $text =~ /^panic:/m ? 'panic' : 'AssertionError';
    add('', $folder, $name, $kind eq 'fail' ? 'failure' : $kind eq 'skip' ? 'skipped' : '', $head, $text);
  }
  add('', $folder, 'build', 'error', 'not run', $build) if $build =~ /FAIL|cannot find|no required module/ && !$failed;
  ($build, %output, %ended) = ('');
}
for my $line (lines_of($from)) {
  if ($line =~ /^# folder (.*)$/) { close_folder() if $folder ne ''; $folder = $1; next }
  if ($line !~ /^\\{/) { $build .= $line; next }
  my ($action) = $line =~ /"Action":"([\\w-]+)"/;
  my ($test) = $line =~ /"Test":"((?:[^"\\\\]|\\\\.)*)"/;
  my ($text) = $line =~ /"Output":"((?:[^"\\\\]|\\\\.)*)"/;
  if (!defined $test) { $build .= decoded($text) if defined $text; next }
  $test = decoded($test);
  $output{$test} .= decoded($text) if defined $text;
  $ended{$test} = $action if $action =~ /^(?:pass|fail|skip)$/;
}
close_folder() if $folder ne '';
write_report($to);
`

/** `cargo test` of one target after another, each after a line `# target FILE`. */
export const CARGO_REPORT = `${JUNIT}
my ($from, $to) = @ARGV;
my ($file, $all, $section, %status, %text) = ('', '', '');
sub close_target {
  for my $name (sort keys %status) {
    my $kind = $status{$name} eq 'ok' ? '' : $status{$name} eq 'ignored' ? 'skipped' : 'failure';
    add($file, '', $name, $kind, '', $text{$name} // '');
  }
  add($file, '', 'build', 'error', 'not run', $all) if !%status && $all =~ /^error/m;
  ($all, $section, %status, %text) = ('', '');
}
for my $line (lines_of($from)) {
  if ($line =~ /^# target (.*)$/) { close_target() if $file ne ''; $file = $1; next }
  $all .= $line;
  if ($line =~ /^---- (.+) stdout ----$/) { $section = $1; next }
  if ($line =~ /^(?:failures:|test result:)/) { $section = '' }
  if ($line =~ /^test (.+?)(?: - should panic)? \\.\\.\\. (ok|FAILED|ignored)/) { $status{$1} = $2; next }
  $text{$section} .= $line if $section ne '';
}
close_target() if $file ne '';
write_report($to);
`

/** Gathers the XML files that a build tool wrote, given as arguments after the report's path. */
export const GATHER_REPORTS = `use strict;
use warnings;
my ($to, @files) = @ARGV;
exit 0 unless @files;
open(my $out, '>', $to) or die "$to: $!";
print $out qq(<?xml version="1.0"?>\\n<testsuites>\\n);
for my $file (@files) {
  local $/;
  open(my $in, '<', $file) or next;
  my $text = <$in>;
  $text =~ s/^\\s*<\\?xml[^>]*\\?>//;
  $text =~ s/<\\/?testsuites\\b[^>]*>//g;
  $text =~ s/<(properties|system-out|system-err)\\b[^>]*>.*?<\\/\\1>//gs;
  print $out $text, "\\n";
}
print $out "</testsuites>\\n";
`

/** Automake's `.trs` files, given as arguments after the report's path: a program each. */
export const AUTOMAKE_REPORT = `${JUNIT}
my ($to, @files) = @ARGV;
exit 0 unless @files;
for my $file (@files) {
  my ($result) = map { /^:global-test-result: (\\w+)/ ? $1 : () } lines_of($file);
  (my $log = $file) =~ s/\\.trs$/.log/;
  (my $name = $file) =~ s/^\\.\\/|\\.trs$//g;
  my $kind = !defined $result || $result =~ /FAIL|ERROR/ ? ($result // '') =~ /^XFAIL/ ? '' : 'failure' : $result eq 'SKIP' ? 'skipped' : '';
  add('', '', $name, $kind, '', join('', lines_of($log)));
}
write_report($to);
`

/** Where no report was written, what was printed becomes the report: one test that could not be run. */
export const MISSING_REPORT = `${JUNIT}
my ($to, $log) = @ARGV;
exit 0 if -s $to;
add('', '', 'test command', 'error', 'no report was written', join('', lines_of($log)));
write_report($to);
`
