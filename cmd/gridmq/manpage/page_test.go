package manpage

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestWrite: nothing in a command's texts is read as roff, and hidden things stay hidden.
func TestWrite(t *testing.T) {
	root := &cobra.Command{Use: "tool", Short: "A tool"}
	cmd := &cobra.Command{Use: "put FILE", Short: "Put a file", Long: ".so /etc/passwd\n'quoted' \\n and -v\n\n  tool put x", Example: "  tool put -a\n.TH",
		Run: func(*cobra.Command, []string) {}}
	cmd.Flags().StringP("as", "a", "x", "the `name` there")
	cmd.Flags().Bool("secret", false, "not shown")
	_ = cmd.Flags().MarkHidden("secret")
	root.PersistentFlags().Bool("loud", false, "say more")
	root.AddCommand(cmd, &cobra.Command{Use: "inner", Short: "Inner", Hidden: true, Run: cmd.Run})

	const want = `.TH "TOOL\-PUT" 1 "" "gridmq v1" "GridMQ Manual"
.nh
.SH NAME
tool\-put \- put a file
.SH SYNOPSIS
.B tool put FILE [flags]
.SH DESCRIPTION
\&.so /etc/passwd
\(aqquoted\(aq \en and \-v
.PP
.nf
  tool put x
.fi
.SH OPTIONS
.TP
\fB\-a, \-\-as\fR \fIname\fR
the name there (default x)
.SH OPTIONS OF THE COMMANDS ABOVE
.TP
.B \-\-loud
say more
.SH EXAMPLES
.nf
  tool put \-a
\&.TH
.fi
.SH SEE ALSO
.BR tool (1)
`
	if got := written(t, cmd); got != want {
		t.Errorf("the page of put is\n%s\nwant\n%s", got, want)
	}
	if got := written(t, root); strings.Contains(got, "inner") || !strings.Contains(got, ".BR tool\\-put (1)") {
		t.Errorf("the page of tool names a hidden command, or not the others:\n%s", got)
	}
}

func written(t *testing.T, cmd *cobra.Command) string {
	var b strings.Builder
	if err := Write(&b, cmd, "v1"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
