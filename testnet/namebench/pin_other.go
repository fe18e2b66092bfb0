//go:build !linux

package namebench

import "errors"

func pin(int, ...int) error { return errors.New("needs Linux") }
