package client

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestABodyIsNotWholeAfterItsCall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	body := &unbroken{ctx, strings.NewReader("a beginning")}
	cancel()
	if b, err := io.ReadAll(body); !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", b, err)
	}
}
