package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const (
	readyTimeout = 20 * time.Second
	stopTimeout  = 30 * time.Second
)

// clockBoottime is the clock that the server's deadlines are on.
const clockBoottime = 7

// bootMicros reads that clock as the server does: to the microsecond, rounded down.
func bootMicros() int64 {
	var now syscall.Timespec
	_, _, failed := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&now)), 0)
	if failed != 0 {
		panic(failed)
	}
	return now.Sec*1_000_000 + now.Nsec/1000
}

// A life is the server from a start to its end.
type life struct {
	process *exec.Cmd
	// over is closed once the process is gone, at endedAt.
	over    chan struct{}
	endedAt int64
	// ends is set by whoever ends it on purpose.
	ends bool
}

// A server is a program on a directory that is killed and started again.
type server struct {
	command          []string
	address, logPath string

	mutex   sync.Mutex
	current *life
	// isUp is closed while the server accepts connections.
	isUp chan struct{}
}

func newServer(binary, directory, durability string, more []string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	command := []string{binary, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", directory,
		"--durability", durability, "--auto-aof-rewrite-min-size", "1mb"}
	return &server{
		command: append(command, more...),
		address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		logPath: filepath.Join(directory, "log"),
		isUp:    make(chan struct{}),
	}, nil
}

// freePort names a port that nothing listens on.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// start starts the server and waits until it answers.
func (s *server) start() error {
	log, err := os.OpenFile(s.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	process := exec.Command(s.command[0], s.command[1:]...)
	process.Stdout, process.Stderr = log, log
	// It ends with this program, whatever ends that.
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := process.Start(); err != nil {
		return err
	}
	begun := &life{process: process, over: make(chan struct{})}
	go func() {
		_ = process.Wait()
		begun.endedAt = bootMicros()
		close(begun.over)
	}()
	if err := s.waitUntilReady(begun); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.current = begun
	close(s.isUp)
	return nil
}

func (s *server) waitUntilReady(begun *life) error {
	for giveUpAt := time.Now().Add(readyTimeout); time.Now().Before(giveUpAt); {
		select {
		case <-begun.over:
			return fmt.Errorf("the server ended while it started: %s", s.endOfLog())
		default:
		}
		if connection, err := dial(s.address); err == nil {
			came, err := connection.call("PING")
			connection.Close()
			if err == nil && came.text == "PONG" {
				return nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return fmt.Errorf("the server does not answer after %v: %s", readyTimeout, s.endOfLog())
}

// wait returns the present life of the server once it accepts connections; nil if `stop` comes first.
func (s *server) wait(stop <-chan struct{}) *life {
	for {
		s.mutex.Lock()
		isUp, current := s.isUp, s.current
		s.mutex.Unlock()
		select {
		case <-isUp:
			if current != nil {
				return current
			}
		case <-stop:
			return nil
		}
	}
}

// kill ends the process by signals and tells when it was gone.
func (s *server) kill(signals ...syscall.Signal) int64 {
	s.mutex.Lock()
	ended := s.current
	ended.ends = true
	s.current, s.isUp = nil, make(chan struct{})
	s.mutex.Unlock()
	for i, signal := range signals {
		if i > 0 {
			time.Sleep(5 * time.Millisecond)
		}
		_ = ended.process.Process.Signal(signal)
	}
	<-ended.over
	return ended.endedAt
}

// signal sends a signal to the server, if it is up.
func (s *server) signal(signal syscall.Signal) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.current != nil {
		_ = s.current.process.Process.Signal(signal)
	}
}

// stop ends the server in peace.
func (s *server) stop() error {
	s.mutex.Lock()
	last := s.current
	if last != nil {
		last.ends = true
	}
	s.mutex.Unlock()
	if last == nil {
		return nil
	}
	_ = last.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-last.over:
		return nil
	case <-time.After(stopTimeout):
		_ = last.process.Process.Kill()
		<-last.over
		return fmt.Errorf("the server did not end within %v of SIGTERM", stopTimeout)
	}
}

// endOfLog is the last words of the server.
func (s *server) endOfLog() string {
	text, err := os.ReadFile(s.logPath)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-600):])
}
