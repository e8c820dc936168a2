package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// No connection and no reply takes as long as this unless the server has stopped answering.
const replyTimeout = 60 * time.Second

// A connection speaks RESP2, in pipelines.
type connection struct {
	net.Conn
	reader *bufio.Reader
	out    []byte
}

func dial(address string) (*connection, error) {
	conn, err := net.DialTimeout("tcp", address, replyTimeout)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, reader: bufio.NewReaderSize(conn, 1<<16)}, nil
}

// add puts a request behind those that are to be sent.
func (c *connection) add(words ...string) {
	c.out = fmt.Appendf(c.out, "*%d\r\n", len(words))
	for _, word := range words {
		c.out = append(c.out, '$')
		c.out = strconv.AppendInt(c.out, int64(len(word)), 10)
		c.out = append(c.out, "\r\n"...)
		c.out = append(c.out, word...)
		c.out = append(c.out, "\r\n"...)
	}
}

// send sends all that was added.
func (c *connection) send() error {
	if err := c.SetDeadline(time.Now().Add(replyTimeout)); err != nil {
		return err
	}
	_, err := c.Write(c.out)
	c.out = c.out[:0]
	return err
}

// call sends a request and reads its reply.
func (c *connection) call(words ...string) (reply, error) {
	c.add(words...)
	if err := c.send(); err != nil {
		return reply{}, err
	}
	return c.read()
}

// read reads a reply.
func (c *connection) read() (reply, error) {
	line, err := c.reader.ReadString('\n')
	if err != nil {
		return reply{}, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return reply{}, fmt.Errorf("an empty line where a reply belongs")
	}
	switch rest := line[1:]; line[0] {
	case '+':
		if rest == "OK" {
			return reply{kind: done}, nil
		}
		return reply{kind: other, text: rest}, nil
	case '-':
		if rest == "ERR no such key" {
			return reply{kind: refusal, text: rest}, nil
		}
		return reply{kind: other, text: rest}, nil
	case ':':
		number, err := strconv.ParseInt(rest, 10, 64)
		return reply{kind: integer, number: number}, err
	case '$':
		return c.readBulk(rest)
	case '*':
		return c.readList(rest)
	}
	return reply{}, fmt.Errorf("not a RESP2 reply: %.60q", line)
}

func (c *connection) readBulk(length string) (reply, error) {
	bytes, err := strconv.Atoi(length)
	if err != nil || bytes < 0 {
		return reply{kind: nothing}, err
	}
	text := make([]byte, bytes+len("\r\n"))
	if _, err := io.ReadFull(c.reader, text); err != nil {
		return reply{}, err
	}
	return textReply(string(text[:bytes])), nil
}

func (c *connection) readList(length string) (reply, error) {
	count, err := strconv.Atoi(length)
	if err != nil || count < 0 {
		return reply{kind: nothing}, err
	}
	came := reply{kind: list}
	for range count {
		part, err := c.read()
		if err != nil {
			return reply{}, err
		}
		came.parts = append(came.parts, part)
	}
	return came, nil
}
